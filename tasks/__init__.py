"""Prefect tasks: read the lake, call one function of `fiel`, write the lake. Retries, timeouts, artifacts live here.

A task takes and returns small values (a program's name, dates, counts, versions), never a frame.
"""
