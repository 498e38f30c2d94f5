"""The Celery workers: doorways of a few lines to the use cases of threet.application."""
