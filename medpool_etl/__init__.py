"""medpool: the monthly settlement of a city's pooled basic medical insurance funds.

The package knows nothing of Airflow; the DAGs in ``dags/`` and the ``medpool`` command call the same
functions of :mod:`medpool_etl.pipeline`. Rooms import downwards only; ``docs/architecture.md`` has the plan.
"""

__version__ = "0.2.0"
