"""A run of a pipeline: what is asked of AWS, what is believed, and what a failure says. In both modes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from airflow_runs import MODES, context, operator, run
from scripted_aws import Fault, Script, ScriptedAws

pytestmark = [pytest.mark.slow, pytest.mark.parametrize("mode", MODES)]


def test_a_run_that_landed_answers_with_its_receipt(aws: ScriptedAws, mode: str) -> None:
    receipt = run(operator(mode=mode), context())
    assert (receipt["rows"], receipt["bytes"], receipt["files"], receipt["host"]) == (3, 42, 1, "erp-1")
    assert receipt["manifest"] == "regional/customers-regional/interval=full/_manifest.json"
    [request] = aws.params("RunTask")
    assert request["launchType"] == "EXTERNAL"
    assert "networkConfiguration" not in request
    assert request["overrides"]["containerOverrides"][0]["command"] == [
        "run",
        "1" * 64,
        "--attempt",
        receipt["attempt"],
    ]
    assert len(request["startedBy"]) <= 36
    assert request["propagateTags"] == "TASK_DEFINITION"


def test_a_run_at_a_cloud_site_goes_to_its_subnets(aws: ScriptedAws, mode: str) -> None:
    run(operator("customers-headquarters", mode=mode), context())
    [request] = aws.params("RunTask")
    assert request["launchType"] == "FARGATE"
    assert request["networkConfiguration"]["awsvpcConfiguration"] == {
        "subnets": ["subnet-1"], "securityGroups": ["sg-1"], "assignPublicIp": "DISABLED",
    }  # fmt: skip
    assert aws.count("ListContainerInstances") == 0


def test_an_incremental_run_passes_its_data_interval(aws: ScriptedAws, mode: str) -> None:
    receipt = run(operator("orders-regional", mode=mode), context())
    assert receipt["interval"] == {"from": "2026-11-21T00:00:00+00:00", "to": "2026-11-22T00:00:00+00:00"}
    assert "interval=20261121T000000Z-20261122T000000Z" in receipt["prefix"]


def test_a_failure_is_one_plain_line_then_the_last_words(aws: ScriptedAws, mode: str) -> None:
    said = "Table 'customers' is not there: check the query."
    lines = [
        *(f'{{"level": "info", "message": "line {n}"}}' for n in range(30)),
        f'{{"level": "error", "message": "{said}"}}',
    ]
    aws.script = Script(exit_code=1, lines=lines)
    with pytest.raises(Exception) as failed:  # noqa: PT011
        run(operator(mode=mode), context())
    first, heading, *last = str(failed.value).splitlines()
    assert first == (
        "Pipeline 'customers-regional' did not land: Table 'customers' is not there: check the query "
        "(task 00000000000000000000000000000000, host erp-1 (mi-0a1b), container 'etl' exit code 1, "
        "ECS: EssentialContainerExited: Essential container in task exited)."
    )
    assert heading == "The container's last lines:"
    assert (len(last), last[0], last[-1]) == (20, "line 11", said)
    assert type(failed.value).__name__ == "AirflowException"


def test_a_users_mistake_is_not_tried_again(aws: ScriptedAws, mode: str) -> None:
    aws.script = Script(exit_code=2)
    with pytest.raises(Exception) as failed:  # noqa: PT011
        run(operator(mode=mode), context())
    assert type(failed.value).__name__ == "AirflowFailException"


@pytest.mark.parametrize(
    ("script", "said"),
    [
        (Script(receipt=False), "left no receipt of this try: s3://acme-lake/.* is not there"),
        (Script(receipt_attempt="another"), "left no receipt of this try: .* is of attempt another"),
        (Script(exit_code=None, stopped_reason="Host EC2 (instance mi-1) terminated."), "the host went away"),
        (Script(exit_code=None), "the container never ran to an end: it has no exit code"),
        (Script(exit_code=137, lines=[], container_reason="OutOfMemoryError: killed"), "used more memory"),
        (
            Script(exit_code=None, stop_code="TaskFailedToStart", lines=[],
                   stopped_reason="CannotPullContainerError: connection refused"),
            "could not pull the image",
        ),
    ],
)  # fmt: skip
def test_what_did_not_land_is_no_success(aws: ScriptedAws, mode: str, script: Script, said: str) -> None:
    aws.script = script
    with pytest.raises(Exception, match=said):
        run(operator(mode=mode), context())


PULL = "CannotPullImageManifestError: Error response from daemon: Get https://x.dkr.ecr: dial tcp: timeout"
LOGS = "CannotStartContainerError: Error response from daemon: failed to initialize logging driver: "


@pytest.mark.parametrize(
    ("exit_code", "said"),
    [
        (137, "was killed .SIGKILL., by somebody or for want of memory"),
        (1, "the container failed without a word"),
    ],
)
def test_a_pull_that_failed_is_no_cause_of_a_container_that_ran_from_an_image_on_the_host(
    aws: ScriptedAws, mode: str, exit_code: int, said: str
) -> None:
    # Given a container that ran and ended, and ECS's reason of the pull before it
    aws.script = Script(exit_code=exit_code, lines=[], container_reason=PULL)

    # Then the sentence goes by the exit code, and the reason is told as what came before
    with pytest.raises(Exception, match=said) as failed:
        run(operator(mode=mode), context())
    assert "could not pull" not in str(failed.value)
    assert f"exit code {exit_code} [before it ran: {PULL}]" in str(failed.value)


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        (PULL, "could not pull the image"),
        (f"{LOGS}ResourceNotFoundException: The specified log group does not exist.",
         "the container's log group does not exist"),
        (f"{LOGS}AccessDeniedException: not authorized to perform: logs:CreateLogStream",
         "execution role may not write the container's logs"),
        (f"{LOGS}failed to create Cloudwatch log stream: NoCredentialProviders: no valid providers in chain",
         "got no credentials for the container's logs: on the host run 'hybrid-host doctor'"),
        (f"{LOGS}failed to create Cloudwatch log stream: RequestError: send request failed",
         "could not open the container's logs: check that the host reaches CloudWatch Logs"),
        ("CannotStartContainerError: write /var/lib/docker/x: no space left on device",
         "the host's disk is full where Docker keeps containers"),
        ("CannotStartContainerError: OCI runtime create failed", "Docker on the host could not start"),
        ("ResourceInitializationError: registry login denied", r"the container never ran to an end"),
    ],
)  # fmt: skip
def test_a_container_that_did_not_begin_has_its_cause_in_plain_words(
    aws: ScriptedAws, mode: str, reason: str, said: str
) -> None:
    aws.script = Script(exit_code=None, stop_code="TaskFailedToStart", lines=[], container_reason=reason)
    with pytest.raises(Exception, match=said):
        run(operator(mode=mode), context())


def test_a_missing_receipt_is_told_apart_from_nothing_when_the_lake_may_not_be_listed(
    aws: ScriptedAws, mode: str
) -> None:
    aws.script, aws.lake_is_not_listed = Script(receipt=False), True
    with pytest.raises(Exception, match="is not there, or Airflow's role may not read it"):
        run(operator(mode=mode), context())


def test_a_container_that_runs_too_long_is_ended_and_says_so(aws: ScriptedAws, mode: str) -> None:
    aws.script = Script(running=60)
    with pytest.raises(Exception, match="ran longer than its run deadline of 1 s"):
        run(operator(mode=mode, run_deadline_seconds=1), context())
    assert aws.running == []
    assert aws.params("StopTask")[0]["reason"].startswith("Airflow: the container ran longer")


def test_a_container_that_does_not_start_is_ended_and_says_so(aws: ScriptedAws, mode: str) -> None:
    aws.script = Script(pending=60, killed_exit_code=None)
    with pytest.raises(Exception, match=r"did not start within its start deadline of 1 s \(PENDING\)"):
        run(operator(mode=mode, start_deadline_seconds=1), context())
    assert aws.running == []


def test_a_container_on_a_host_that_is_cut_off_is_given_up_with_its_host(aws: ScriptedAws, mode: str) -> None:
    aws.script = Script(running=60, cut_off=True)
    with pytest.raises(Exception, match=r"did not confirm it in 0\.3 s.*host erp-1 \(mi-0a1b\)"):
        run(operator(mode=mode, run_deadline_seconds=1), context())
    assert aws.count("StopTask") >= 1


def test_an_execution_timeout_ends_the_container(aws: ScriptedAws, mode: str) -> None:
    aws.script = Script(running=60)
    with pytest.raises(Exception, match="execution_timeout"):
        run(operator(mode=mode, execution_timeout=timedelta(seconds=1)), context())
    assert aws.running == []


def test_a_passing_error_of_aws_is_waited_out(aws: ScriptedAws, mode: str) -> None:
    aws.fail("RunTask", *[Fault()] * 5, Fault(code="ServerException", status=500))
    aws.fail("DescribeTasks", *[Fault()] * 5)
    assert run(operator(mode=mode), context(), seconds=60)["rows"] == 3
    assert len(aws.tasks) == 1


def test_a_lost_answer_of_run_task_starts_nothing_twice(aws: ScriptedAws, mode: str) -> None:
    aws.fail("RunTask", Fault(code="ServerException", status=500, after_doing=True))
    assert run(operator(mode=mode), context())["rows"] == 3
    assert (aws.count("RunTask"), len(aws.tasks)) == (2, 1)


def test_a_lake_that_is_busy_when_the_receipt_is_read_is_asked_again(aws: ScriptedAws, mode: str) -> None:
    # Given S3 that refuses more often than one call of boto3 asks, from when the container has started
    aws.hook = lambda operation, _: setattr(aws, "lake_is_busy", 6) if operation == "RunTask" else None
    # When a run has landed
    receipt = run(operator(mode=mode), context(), seconds=60)
    # Then it is a success, and its container ran once
    assert (receipt["rows"], len(aws.tasks)) == (3, 1)


@pytest.mark.timeout(60)
@pytest.mark.parametrize("ahead", [-7200, 7200])
def test_a_clock_of_ecs_that_is_wrong_neither_ends_a_run_nor_holds_it(
    aws: ScriptedAws, mode: str, ahead: float
) -> None:
    # Given ECS and Airflow whose clocks differ by more than the deadlines
    aws.clock_ahead, aws.script = ahead, Script(pending=0.3, running=0.5)
    # When a container starts and ends well
    landed = run(operator(mode=mode, start_deadline_seconds=900, run_deadline_seconds=3600), context())
    # Then the run is a success
    assert landed["rows"] == 3


@pytest.mark.timeout(60)
@pytest.mark.parametrize("ahead", [-7200, 7200])
def test_deadlines_hold_whatever_the_clock_of_ecs_says(aws: ScriptedAws, mode: str, ahead: float) -> None:
    aws.clock_ahead, aws.script = ahead, Script(running=60)
    with pytest.raises(Exception, match="ran longer than its run deadline of 1 s"):
        run(operator(mode=mode, run_deadline_seconds=1), context())
    assert aws.running == []


def test_a_refusal_is_not_repeated_and_is_put_in_plain_words(aws: ScriptedAws, mode: str) -> None:
    aws.fail("RunTask", Fault(code="AccessDeniedException", message="not authorized to perform: ecs:RunTask"))
    with pytest.raises(Exception, match="Airflow's role may not do this: deploy the airflow stack"):
        run(operator(mode=mode), context())
    assert aws.count("RunTask") == 1


@pytest.mark.parametrize("trouble", ["missing", "throttled", "refused"])
def test_a_log_that_cannot_be_read_fails_nothing(aws: ScriptedAws, mode: str, trouble: str) -> None:
    aws.logs_missing = trouble == "missing"
    code = {"throttled": "ThrottlingException", "refused": "AccessDeniedException"}.get(trouble)
    aws.fail("GetLogEvents", *[Fault(code=code)] * 200 if code else [])
    assert run(operator(mode=mode), context(), seconds=60)["rows"] == 3


def test_the_log_of_the_container_is_in_the_log_of_the_task(
    aws: ScriptedAws, mode: str, caplog: pytest.LogCaptureFixture, capsys: Any
) -> None:
    aws.script = Script(
        lines=[f'{{"level": "info", "message": "batch {n}", "rows": {n}}}' for n in range(5)], running=0.5
    )
    run(operator(mode=mode), context())
    # Airflow writes to either of them, or to both, by its version
    places = (caplog.text, capsys.readouterr().out)
    lines = [f"batch {n} (rows={n})" for n in range(5)]
    assert [max(place.count(line) for place in places) for line in lines] == [1] * 5


def test_what_the_container_says_last_is_in_the_log_of_the_task(
    aws: ScriptedAws, mode: str, caplog: pytest.LogCaptureFixture, capsys: Any
) -> None:
    # Given a container whose last line comes after the last look at its log
    aws.script = Script(last_lines=['{"level": "info", "message": "Finished.", "rows": 3}'])
    run(operator(mode=mode), context())
    # Then it is there, once
    places = (caplog.text, capsys.readouterr().out)
    assert max(place.count("Finished. (rows=3)") for place in places) == 1
