"""Which Airflow options an MWAA environment takes from the estate file, and which would do harm there.

An option of an environment stands in clear text in its template, in CloudFormation and in MWAA's own answers
(GetEnvironment), so nothing secret may be one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping

#: Section and option, as airflow.cfg spells them (Airflow, "Configuration Reference").
_NAME = re.compile(r"[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*")

#: Options that MWAA sets itself or whose change an environment does not survive: it reads DAGs and plugins
#: from where it put them, its workers find database and queue by these, and its logs go to CloudWatch (MWAA
#: User Guide, "Using Apache Airflow configuration options on Amazon MWAA" and "Configuration reference";
#: read on 2026-11-27). Value: what to do instead.
_OF_MWAA = {
    "core.dags_folder": "MWAA reads DAGs from the bucket's folder `dags`",
    "core.plugins_folder": "MWAA unpacks plugins.zip itself",
    "core.executor": "MWAA runs its own executor",
    "core.auth_manager": "MWAA signs people in by IAM",
    "core.load_examples": "examples would run beside your DAGs, in a service that is paid for",
    "core.security": "MWAA has no Kerberos",
    "core.hostname_callable": "MWAA finds its workers by its own",
    "core.execution_api_server_url": "MWAA's workers find the API server by it",
    "dag_processor.dag_bundle_config_list": "MWAA reads DAGs from the bucket's folder `dags`",
    "dag_processor.dag_bundle_storage_path": "MWAA reads DAGs from the bucket's folder `dags`",
    "operators.default_queue": "MWAA has one queue",
    "scheduler.standalone_dag_processor": "MWAA decides which processes it runs",
    "api.base_url": "MWAA gives the web server its address",
    "api.host": "MWAA gives the web server its address",
    "api.port": "MWAA gives the web server its address",
    "webserver.base_url": "MWAA gives the web server its address",
    "webserver.web_server_host": "MWAA gives the web server its address",
    "webserver.web_server_port": "MWAA gives the web server its address",
    "celery.broker_url": "MWAA has its own queue",
    "celery.result_backend": "MWAA has its own database",
    "celery.celery_app_name": "MWAA runs its own workers",
}
#: Beginnings of options that MWAA sets itself.
_SECTIONS_OF_MWAA = {
    "database.sql_alchemy_": "MWAA has its own database",
    "logging.remote_": "MWAA sends logs to CloudWatch; set their levels in `airflow.logging`",
    "logging.base_log_folder": "MWAA sends logs to CloudWatch; set their levels in `airflow.logging`",
    "logging.logging_config_class": "MWAA sends logs to CloudWatch; set their levels in `airflow.logging`",
    "kerberos.": "MWAA has no Kerberos",
    "kubernetes_executor.": "MWAA runs its own executor",
    "ecs_executor.": "MWAA runs its own executor",
    "api_auth.": "MWAA makes its own tokens",
}
_LEVELS = {
    f"logging.{name}": "set `airflow.logging`, which knows each component"
    for name in ("logging_level", "celery_logging_level", "fab_logging_level")
}

#: Words of an option's name that say that its value is secret, …
_SECRET_WORDS = frozenset(
    {
        *("password", "passwd", "passphrase", "pwd", "secret", "secrets", "token", "tokens"),
        *("credential", "credentials", "dsn", "key", "keys"),
    }
)
#: … or a connection string, as the last word of the name.
_CONNECTIONS = frozenset(("conn", "connection", "connections", "url", "uri"))
#: Options whose name looks like it and whose value is none.
_HARMLESS = frozenset(
    (
        "core.test_connection",
        "core.hide_sensitive_var_conn_fields",
        "core.sensitive_var_conn_names",
        "api.enable_swagger_ui_url",
        "secrets.backend",
        "secrets.backend_kwargs",
        "secrets.backends_order",
        "secrets.use_cache",
        "secrets.cache_ttl_seconds",
        "workers.secrets_backend",
        "workers.secrets_backend_kwargs",
    )
)
#: Values that are secret whatever their name: an address with a password, a private key, an access key (its
#: prefixes: IAM User Guide, "IAM identifiers"), a word for a secret with a value.
_SECRET_VALUE = re.compile(
    r"://[^/\s:@]*:[^/\s@]+@|-----BEGIN |\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"
    r"|(?i:\b\w*(?:password|passwd|pwd|secret_key|secret|token|access_key(?:_id)?|api_?key)"
    r"[\"']?\s*[=:]\s*[\"']?[^\s\"',}])"
)
_SECRETS_MANAGER = "airflow.providers.amazon.aws.secrets.secrets_manager.SecretsManagerBackend"

_INSTEAD = (
    "it would stand in clear text in the template. Set `airflow.secrets_backend: true` and keep it in a "
    "secret that Airflow reads as a connection or a variable"
)


def option_problems(options: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Every option that cannot be given, with a sentence. Values are never repeated in it.

    Args:
        options: `section.option` → value.
    """
    for name, value in options.items():
        if problem := _problem(name, value):
            yield name, problem


def secrets_backend(prefix: str) -> dict[str, str]:
    """Options with which Airflow reads connections, variables and options from Secrets Manager.

    Args:
        prefix: what the names of the secrets begin with, without a slash at the end.
    """
    kinds = ("connections", "variables", "config")
    found = {f"{kind}_prefix": f"{prefix}/{kind}" for kind in kinds}
    return {"secrets.backend": _SECRETS_MANAGER, "secrets.backend_kwargs": json.dumps(found, sort_keys=True)}


def _problem(name: str, value: str) -> str | None:
    if not _NAME.fullmatch(name):
        return (
            "is no option of Airflow; write section and option with a point between, as core.default_timezone"
        )
    return _of_mwaa(name, value) or _secret(name, value)


def _of_mwaa(name: str, value: str) -> str | None:
    if name in _LEVELS:
        return f"is not given here: {_LEVELS[name]}"
    reasons = [_OF_MWAA.get(name)] + [
        reason for beginning, reason in _SECTIONS_OF_MWAA.items() if name.startswith(beginning)
    ]
    if reason := next(filter(None, reasons), None):
        return f"MWAA sets this option itself: {reason}; take it out"
    if name == "secrets.backend" and value == _SECRETS_MANAGER:
        return "set `airflow.secrets_backend: true` instead, which also gives the role the right to read"
    return None


def _secret(name: str, value: str) -> str | None:
    if _names_a_secret(name):
        return f"its value is a secret by its name, and {_INSTEAD}"
    if _SECRET_VALUE.search(value):
        return f"its value has a password, a token or a key in it, and {_INSTEAD}"
    return None


def _names_a_secret(name: str) -> bool:
    if name in _HARMLESS:
        return False
    words = name.partition(".")[2].removesuffix("_cmd").split("_")
    return bool(_SECRET_WORDS & set(words)) or words[-1] in _CONNECTIONS
