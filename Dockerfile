# The image of worker and service: domain, flows, deployments and the app, from the hashed lock.
FROM python:3.11-slim-bookworm

ENV PYTHONUNBUFFERED=1 DO_NOT_TRACK=true MLFLOW_DISABLE_TELEMETRY=true PREFECT_SERVER_ANALYTICS_ENABLED=false \
    FIEL_HOME=/srv/fiel

RUN useradd --create-home --uid 10001 fiel && mkdir -p /srv/fiel /data && chown -R fiel:fiel /srv/fiel /data
WORKDIR /srv/fiel

COPY requirements.lock ./
RUN pip install --no-cache-dir --no-deps --require-hashes -r requirements.lock

COPY --chown=fiel:fiel pyproject.toml README.md LICENSE prefect.yaml ./
COPY --chown=fiel:fiel fiel fiel
COPY --chown=fiel:fiel app app
COPY --chown=fiel:fiel tasks tasks
COPY --chown=fiel:fiel flows flows
COPY --chown=fiel:fiel deployments deployments
RUN pip install --no-cache-dir --no-build-isolation --no-deps -e .

USER fiel
CMD ["fiel", "--help"]
