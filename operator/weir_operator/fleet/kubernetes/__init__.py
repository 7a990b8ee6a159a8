"""Revisions as pods: what is there of them, built, applied, looked at and taken down."""
