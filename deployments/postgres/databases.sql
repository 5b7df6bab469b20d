-- Run once by the PostgreSQL image: Prefect and MLflow each have a database of their own beside Fiel's store.
CREATE DATABASE prefect;
CREATE DATABASE mlflow;
