"""The service: a FastAPI application over the online store and the program files.

It reads what the `publish` flow put into the store and nothing else: no lake, no MLflow, no Prefect (import-linter and
a test hold that). `app.main.create_app` makes the application, `app.run.serve` runs it.
"""
