"""Reads MySQL and MariaDB."""
