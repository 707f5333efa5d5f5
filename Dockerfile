# syntax=docker/dockerfile:1

# Everything is installed here, from the lock file and with its hashes, into one folder.
FROM python:3.11-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /source
RUN python -m venv /opt/gateway
COPY requirements.txt requirements-build.txt ./
RUN /opt/gateway/bin/pip install --require-hashes -r requirements.txt -r requirements-build.txt
COPY pyproject.toml README.md ./
COPY gateway gateway
COPY schema schema
RUN /opt/gateway/bin/pip install --no-deps --no-build-isolation . \
    && /opt/gateway/bin/pip uninstall --yes setuptools pip \
    && /opt/gateway/bin/python -m gateway --version

FROM python:3.11-slim AS service
RUN groupadd --system --gid 10001 gateway \
    && useradd --system --uid 10001 --gid gateway --no-create-home --shell /usr/sbin/nologin gateway \
    && install --directory --owner=gateway --group=gateway /data
COPY --from=build /opt/gateway /opt/gateway
ENV PATH=/opt/gateway/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    GATEWAY_HOST=0.0.0.0 \
    GATEWAY_PORT=8000 \
    GATEWAY_DATABASE_URL=sqlite+aiosqlite:////data/gateway.db
# A number, so that an orchestrator can see that it is not root.
USER 10001:10001
WORKDIR /data
# For SQLite's file. With PostgreSQL and metrics off, no writable place is needed. Several workers with
# GATEWAY_METRICS=true share their figures in files in a temporary folder: give them one, as TMPDIR=/dev/shm or an
# emptyDir at /tmp.
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s \
    CMD ["python", "-c", "import os, urllib.request as u; u.urlopen(f'http://127.0.0.1:{os.environ[\"GATEWAY_PORT\"]}/health/ready', timeout=4)"]
ENTRYPOINT ["gateway"]
CMD ["serve"]
