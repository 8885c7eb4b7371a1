"""Lineage of a settlement for OpenLineage: what a run was made of and what it made. It does nothing where OpenLineage is off."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from airflow.providers.openlineage import conf
from airflow.sdk import get_current_context

from medpool_etl.errors import MedpoolError
from medpool_etl.pipeline import MonthRun
from medpool_etl.pipeline.datasets import Dataset, lineage_of
from medpool_etl.store import Settings

if TYPE_CHECKING:
    from airflow.providers.openlineage.extractors import OperatorLineage

log = logging.getLogger(__name__)


def emit_lineage(run: dict[str, Any]) -> None:
    """Let the COMPLETE event of the task at hand name the datasets of a run; call it in the task that publishes, when that is done.

    A run whose datasets cannot be told is published all the same: the log warns, and the event names none.
    """
    if conf.is_disabled():
        return
    try:
        lineage = lineage_of(Settings.load(), MonthRun(**run))
    except (MedpoolError, OSError, LookupError) as error:
        log.warning("OpenLineage is not told what run %s was made of: %s", run["run_id"], error)
        return

    def on_complete(_task_instance: Any) -> OperatorLineage[Any, Any]:
        from airflow.providers.openlineage.extractors import OperatorLineage

        return OperatorLineage(
            inputs=[_input(dataset) for dataset in lineage.inputs],
            outputs=[_output(dataset) for dataset in lineage.outputs],
        )

    # The provider asks a task for its datasets by this name; here they are known only once the task has run.
    task: Any = get_current_context()["task"]
    task.get_openlineage_facets_on_complete = on_complete


def _input(dataset: Dataset) -> Any:
    from openlineage.client.event_v2 import InputDataset

    return InputDataset(dataset.namespace, dataset.name, facets=_facets(dataset))


def _output(dataset: Dataset) -> Any:
    from openlineage.client.event_v2 import OutputDataset
    from openlineage.client.facet_v2 import output_statistics_output_dataset as statistics

    counted: dict[str, Any] = {}
    if dataset.rows is not None:
        counted["outputStatistics"] = statistics.OutputStatisticsOutputDatasetFacet(rowCount=dataset.rows)
    return OutputDataset(dataset.namespace, dataset.name, outputFacets=counted, facets=_facets(dataset))


def _facets(dataset: Dataset) -> dict[str, Any]:
    from openlineage.client.facet_v2 import dataset_version_dataset, documentation_dataset, schema_dataset

    facets: dict[str, Any] = {
        "documentation": documentation_dataset.DocumentationDatasetFacet(description=dataset.description),
        "version": dataset_version_dataset.DatasetVersionDatasetFacet(datasetVersion=dataset.version),
    }
    if dataset.columns:
        facets["schema"] = schema_dataset.SchemaDatasetFacet(
            fields=[
                schema_dataset.SchemaDatasetFacetFields(
                    name=column.name, type=column.type, description=column.description
                )
                for column in dataset.columns
            ]
        )
    return facets
