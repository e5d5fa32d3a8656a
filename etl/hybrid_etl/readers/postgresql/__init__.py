"""Reads PostgreSQL."""
