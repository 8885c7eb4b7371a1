# medpool with Airflow, for docker-compose.yml. Any builder since Docker 20.10 will do.
# BASE may be any Debian-like image with Python 3.11 as `python`; pin it by digest where an office requires that.
ARG BASE=python:3.11.14-slim-bookworm

FROM ${BASE} AS build
# An office's own package index, and its host where it has no TLS; what it serves must have the hashes in requirements/.
ARG PIP_INDEX_URL
ARG PIP_TRUSTED_HOST
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /src
COPY requirements requirements
RUN python -m venv /opt/venv \
 && /opt/venv/bin/pip install --require-hashes --only-binary :all: -r requirements/runtime.txt
# setuptools builds the package here and does not go into the image; its pin and hashes are those of dev.txt.
RUN sed -n '/^setuptools==/,/# via/p' requirements/dev.txt > build.txt \
 && python -m venv /opt/build \
 && /opt/build/bin/pip install --require-hashes --only-binary :all: -r build.txt
COPY pyproject.toml README.md LICENSE ./
COPY medpool_etl medpool_etl
RUN /opt/build/bin/pip wheel --no-deps --no-build-isolation --wheel-dir dist . \
 && /opt/venv/bin/pip install --no-deps --no-index dist/*.whl
COPY dags /opt/medpool/dags
COPY plugins /opt/medpool/plugins
COPY sql /opt/medpool/sql
COPY expectations /opt/medpool/expectations
COPY pyproject.toml LICENSE /opt/medpool/
COPY docker docker
RUN install -d /opt/medpool/bin /opt/airflow \
 && install -m 0755 docker/entrypoint.sh /opt/medpool/bin/medpool-entrypoint \
 && install -m 0755 docker/secret.sh /opt/medpool/bin/medpool-secret \
 && install -m 0755 docker/users.py /opt/medpool/bin/medpool-users \
 && install -m 0755 docker/init.py /opt/medpool/bin/medpool-init \
 && install -m 0444 docker/airflow.cfg /opt/airflow/airflow.cfg
# Bytecode in the image makes every Airflow command about four times faster; the file system is read-only later.
# A checkout may be closed to others (umask 077); DAG files, plugins and rules are root's, and readable for uid 50000.
RUN /opt/venv/bin/python -m compileall -q -j 0 /opt/venv/lib /opt/medpool/dags /opt/medpool/plugins \
 && chmod -R u=rwX,go=rX /opt/venv /opt/medpool

FROM ${BASE}
RUN groupadd --gid 50000 medpool \
 && useradd --uid 50000 --gid 50000 --home-dir /srv/medpool/scratch --no-create-home --shell /usr/sbin/nologin medpool \
 && install -d -o root -g root -m 0755 /opt/airflow \
 && install -d -o medpool -g medpool -m 0750 /opt/airflow/logs \
 && install -d -o medpool -g medpool -m 0755 /srv/medpool /srv/medpool/config /srv/medpool/inbox /srv/medpool/warehouse \
 && install -d -o medpool -g medpool -m 0700 /srv/medpool/scratch /run/medpool
COPY --from=build /opt/venv /opt/venv
COPY --from=build /opt/medpool /opt/medpool
COPY --from=build /opt/airflow/airflow.cfg /opt/airflow/airflow.cfg
ENV PATH=/opt/medpool/bin:/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    LANG=C.UTF-8 \
    HOME=/srv/medpool/scratch \
    TMPDIR=/srv/medpool/scratch \
    AIRFLOW_HOME=/opt/airflow \
    AIRFLOW__CORE__DAGS_FOLDER=/opt/medpool/dags \
    AIRFLOW__CORE__PLUGINS_FOLDER=/opt/medpool/plugins \
    AIRFLOW__CORE__LOAD_EXAMPLES=False \
    MEDPOOL_HOME=/opt/medpool \
    MEDPOOL_CONFIG=/srv/medpool/config \
    MEDPOOL_DATA=/srv/medpool/scratch \
    MEDPOOL_INBOX=/srv/medpool/inbox \
    MEDPOOL_WAREHOUSE=/srv/medpool/warehouse \
    PGPASSFILE=/run/medpool/pgpass

USER 50000:50000
# DuckDB spills below the working folder, Python below TMPDIR: a disk, not memory.
WORKDIR /srv/medpool/scratch
ENTRYPOINT ["medpool-entrypoint"]
CMD ["medpool", "--help"]
