# ruff: noqa: E501 - rows of a table
"""What others reported of hosts like these: what finds it here, in which words, and the test that planted it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Report:
    """A fault that was reported in public.

    Attributes:
        where: the reports, as repository and number of the issue.
        what: what happens.
        found_by: the command that tells it.
        says: words of what it tells, with `…` for what differs.
        tried_by: name of the test that plants it.
    """

    where: tuple[str, ...]
    what: str
    found_by: str
    says: str
    tried_by: str


_JOIN, _HOST, _SITE, _TASK = (
    "`hybrid-host plan`, `join`, `doctor`", "`hybrid-host doctor`", "`bin/hybrid hosts doctor`", "the task in Airflow",
)  # fmt: skip
_ECS, _SSM, _ROADMAP = "aws/amazon-ecs-agent", "aws/amazon-ssm-agent", "aws/containers-roadmap"

REPORTS = (
    Report(
        ("ministryofjustice/modernisation-platform#13918",),
        "an endpoint that hosts do not need is closed or gone (`ec2messages`)",
        _JOIN, "no way out to …:443", "test_a_machine_joins_without_the_way_to_what_its_role_may_not_call_or_can_do_without",
    ),
    Report(
        (f"{_SSM}#567",), "an upgrade of the system or another machine-id changes the fingerprint",
        _HOST, "the SSM agent sleeps: AWS says that this machine's hardware fingerprint has changed",
        "test_the_doctor_tells_what_aws_says_of_the_registration",
    ),
    Report(
        (f"{_ECS}#583", f"{_ECS}#125"), "a host was deregistered, and its agent ends at each start",
        _HOST, "AWS does not know this container instance any more: it was deregistered, or its cluster made anew",
        "test_a_host_that_ecs_does_not_know_any_more_registers_again_without_a_code",
    ),
    Report(
        (f"{_ECS}#784",), "one host is there as several container instances",
        _SITE, "container instances are of the one registration …",
        "test_a_left_over_instance_that_is_not_connected_is_a_warning_with_its_id",
    ),
    Report(
        (f"{_ECS}#3074",), "Docker gets no credentials for `awslogs`, and no task starts",
        _HOST, "169.254.170.2 does not answer on this machine",
        "test_containers_find_their_credentials_where_a_proxy_is_the_only_way_out",
    ),
    Report(
        (f"{_ECS}#3074",), "the same, seen from the run", _TASK, "got no credentials for the container's logs",
        "test_a_container_that_did_not_begin_has_its_cause_in_plain_words",
    ),
    Report(
        (f"{_ECS}#3604",), "an EC2 instance with a role is joined, and the agents take that role",
        _JOIN, "this is an EC2 instance with the role …", "test_one_thing_that_is_wrong_is_enough_to_refuse",
    ),
    Report(
        (f"{_ECS}#1888",), "SELinux is enforcing",
        _JOIN, "SELinux is enforcing, and the ECS agent cannot work under it",
        "test_what_would_not_work_is_refused_before_anything_is_changed",
    ),
    Report(
        (f"{_ECS}#4074", f"{_ECS}#4090", f"{_ECS}#4129"), "Docker dropped the API versions that the agent speaks",
        _HOST, "Docker and the ECS agent speak no common version of Docker's API",
        "test_a_docker_whose_api_the_agent_does_not_speak",
    ),
    Report(
        (f"{_ECS}#3834", f"{_ECS}#2917"), "the kernel has its memory control group off",
        _JOIN, "the kernel's memory control group is off: no container with a memory limit starts",
        "test_a_kernel_without_its_memory_control_group",
    ),
    Report(
        (f"{_SSM}#616", f"{_SSM}#491", f"{_SSM}#479"), "a host starts before its line is up, and its SSM agent hibernates",
        _HOST, "the SSM agent hibernates since it started without a way out",
        "test_an_ssm_agent_that_hibernates_after_a_start_without_a_way_out",
    ),
    Report(
        ("awsdocs/amazon-ecs-developer-guide#166",), "a proxy is set for one service and not for the others",
        _HOST, "runs without the proxy, which was set after it had started",
        "test_docker_with_containers_is_not_restarted_and_the_doctor_says_what_that_means",
    ),
    Report(
        (f"{_SSM}#401",), "the activation has expired before the next host joins",
        _SITE, "the activation in the site's secret has expired",
        "test_the_doctor_finds_what_is_wrong_and_what_to_do",
    ),
    Report(
        (f"{_ROADMAP}#2040",), "tasks of a host that is cut off stay `RUNNING`",
        _TASK, "and did not confirm it in … s, as when its host is cut off",
        "test_a_container_on_a_host_that_is_cut_off_is_given_up_with_its_host",
    ),
    Report(
        (f"{_ROADMAP}#555",), "a task stays `PENDING` without end",
        _TASK, "the container did not start within its start deadline of",
        "test_a_container_that_does_not_start_is_ended_and_says_so",
    ),
)  # fmt: skip

#: Found without a public report that is known here: with the real agents, or on a machine.
SEEN = (
    Report(
        (), "a Debian or Ubuntu without `apt-key`, with which the installer adds Docker's repository",
        _JOIN, "the installer adds Docker's repository with apt-key, which … does not have",
        "test_where_apt_key_is_gone_docker_comes_from_the_distribution_or_join_is_refused",
    ),
    Report(
        (), "a copied disk: two machines with one registration",
        _JOIN, "neither the network card nor the address with which … registered is here: a copy of its disk?",
        "test_a_copy_of_a_host_is_told_and_does_not_take_its_place",
    ),
    Report(
        (), "the registration was taken out of Systems Manager, and its files are still here",
        _HOST, "AWS refuses the registration …: it was deregistered, or its role is gone",
        "test_a_registration_that_aws_refuses_is_no_reason_to_need_no_code",
    ),
    Report(
        (), "the cluster is not there, or was made anew",
        _HOST, "there is no cluster …", "test_a_host_whose_cluster_is_not_there_is_told_so",
    ),
    Report(
        (), "a proxy inspects TLS with an authority that this machine does not trust",
        _JOIN, "the certificate that … shows is not trusted here",
        "test_a_proxy_that_inspects_tls_with_an_authority_that_is_not_trusted",
    ),
    Report(
        (), "a proxy inspects TLS with an authority that this machine trusts, and its containers do not",
        _JOIN, "is inspected: its certificate is of …",
        "test_a_proxy_that_inspects_tls_with_an_authority_that_this_machine_trusts",
    ),
    Report(
        (), "`AWS_CA_BUNDLE` in the settings of the ECS agent, which ends at its start",
        _JOIN, "AWS_CA_BUNDLE is set for the ECS agent, which ends at its start with it",
        "test_the_variable_that_makes_the_ecs_agent_end_is_found",
    ),
    Report(
        (), "Docker keeps its images on another disk than `/var/lib`, and that one is full",
        _JOIN, "GiB free in …", "test_a_full_disk_where_docker_keeps_its_images",
    ),
    Report(
        (), "a container ran from an image of the host, and ECS keeps the reason of the pull that failed",
        _TASK, "before it ran: …",
        "test_a_pull_that_failed_is_no_cause_of_a_container_that_ran_from_an_image_on_the_host",
    ),
)  # fmt: skip


def table(reports: tuple[Report, ...]) -> str:
    """The reports as a table of Markdown."""
    rows = "".join(
        f"| {one.what}{_links(one)} | {one.found_by} | `{one.says}` | `{one.tried_by}` |\n" for one in reports
    )
    return "| what happens | found by | in these words | planted by |\n|---|---|---|---|\n" + rows


def _links(report: Report) -> str:
    links = [
        f"[{where.partition('/')[2]}](https://github.com/{where.replace('#', '/issues/')})"
        for where in report.where
    ]
    return f" ({', '.join(links)})" if links else ""
