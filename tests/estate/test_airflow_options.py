"""`airflow.configuration`: an option of Airflow, that MWAA leaves to its user, and that is no secret."""

from __future__ import annotations

import pytest

from hybrid.estate import EstateError
from hybrid.estate.airflow_options import option_problems
from hybrid.estate.loading import check

PASSED = {
    "core.default_timezone": "utc",
    "core.test_connection": "Enabled",
    "core.sensitive_var_conn_names": "iban",
    "core.max_active_tasks_per_dag": "32",
    "celery.worker_autoscale": "5,5",
    "celery.sync_parallelism": "1",
    "email.email_conn_id": "smtp_default",
    "smtp.smtp_host": "mail.example.com",
    "scheduler.min_file_process_interval": "60",
    "secrets.backend": "airflow.providers.hashicorp.secrets.vault.VaultBackend",
    "secrets.backend_kwargs": '{"connections_path": "connections", "url": "https://vault.example.com"}',
    "webserver.default_ui_timezone": "Europe/Berlin",
}
NO_OPTIONS = [
    "nonsense",
    "core",
    "core.",
    ".core",
    "core.a.b",
    "Core.Default",
    "core default",
    "AIRFLOW__CORE__X",
]
OF_MWAA = [
    "core.dags_folder",
    "core.plugins_folder",
    "core.executor",
    "core.auth_manager",
    "database.sql_alchemy_conn",
    "database.sql_alchemy_pool_size",
    "celery.broker_url",
    "celery.result_backend",
    "logging.remote_logging",
    "logging.base_log_folder",
    "logging.logging_level",
    "api_auth.jwt_secret",
    "dag_processor.dag_bundle_config_list",
    "kerberos.keytab",
    "webserver.base_url",
]
SECRETS = {
    "smtp.smtp_password": "hunter2",
    "core.fernet_key": "hunter2",
    "webserver.secret_key": "hunter2",
    "sentry.sentry_dsn": "https://hunter2@sentry.example.com/1",
    "api.access_token": "hunter2",
    "datadog.api_key": "hunter2",
    "opensearch.conn": "hunter2",
    "fab.oauth_client_credentials": "hunter2",
    "smtp.smtp_password_cmd": "echo hunter2",
    "my_section.my_option": "postgresql://me:hunter2@db.example.com/crm",
    "other_section.option": "-----BEGIN RSA PRIVATE KEY-----hunter2",
    "third.option": "AKIAIOSFODNN7EXAMPLE hunter2",
    "fourth.kwargs": '{"password": "hunter2"}',
    "fifth.options": "user=me password=hunter2",
    "sixth.extra": '{"aws_secret_access_key": "hunter2"}',
    "secrets.backend_kwargs": '{"token": "hunter2", "url": "https://vault.example.com"}',
}


def test_what_an_environment_takes_passes() -> None:
    assert list(option_problems(PASSED)) == []


@pytest.mark.parametrize("name", NO_OPTIONS)
def test_what_is_no_section_and_option_is_refused(name: str) -> None:
    ((key, sentence),) = option_problems({name: "abc"})

    assert key == name
    assert "is no option of Airflow" in sentence


@pytest.mark.parametrize("name", OF_MWAA)
def test_what_mwaa_sets_itself_is_refused(name: str) -> None:
    ((_, sentence),) = option_problems({name: "abc"})

    assert "MWAA" in sentence or "airflow.logging" in sentence


@pytest.mark.parametrize("name", list(SECRETS))
def test_a_secret_is_refused_without_being_repeated_and_told_where_it_belongs(name: str) -> None:
    ((_, sentence),) = option_problems({name: SECRETS[name]})

    assert "airflow.secrets_backend: true" in sentence
    assert "hunter2" not in sentence


def test_the_message_names_file_line_and_option() -> None:
    text = (
        "environment: {name: acme, region: eu-west-1}\n"
        "network: {availability_zones: [eu-west-1a, eu-west-1b]}\n"
        "sites: {cellar: {kind: anywhere}}\n"
        "airflow:\n"
        "  configuration:\n"
        "    core.default_timezone: utc\n"
        "    smtp.smtp_password: hunter2\n"
    )

    with pytest.raises(EstateError) as refused:
        check(text, file="hybrid.yaml")

    (problem,) = refused.value.problems
    assert (problem.line, problem.key) == (7, "airflow.configuration.smtp.smtp_password")
    assert "hunter2" not in str(problem)


def test_access_by_both_ways_is_told_which_version_has_it() -> None:
    text = (
        "environment: {name: acme, region: eu-west-1}\n"
        "network: {availability_zones: [eu-west-1a, eu-west-1b]}\n"
        "sites: {cellar: {kind: anywhere}}\n"
        "airflow: {version: 3.0.6, access: PUBLIC_AND_PRIVATE}\n"
    )

    with pytest.raises(EstateError, match=r"3\.0\.6 has no PUBLIC_AND_PRIVATE; write PUBLIC_ONLY"):
        check(text, file="hybrid.yaml")
    check(text.replace("3.0.6", "3.3.1"), file="hybrid.yaml")
