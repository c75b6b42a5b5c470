"""Runs every check of the project in order and tells what came of it: ``make test``."""
