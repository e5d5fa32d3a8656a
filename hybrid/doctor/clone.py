"""What is set up in the clone, the estate file, and the AWS configuration."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress

import botocore.session
from botocore.exceptions import BotoCoreError

from hybrid.doctor.model import Check, Finding
from hybrid.estate import EstateError, load_estate
from workspace import native_decoder
from workspace.environments import PythonEnvironment
from workspace.installing.purposes import Purpose, environments_for
from workspace.node import installed, node, packages
from workspace.paths import ESTATE

_DEPLOY = (Purpose.DEPLOY,)
_LATER = "the first command that needs it installs it, which takes a minute and the network"


def checks() -> list[Check]:
    """The checks of this module."""
    return [
        Check("environments", _environments),
        Check("native decoder", _native_decoder, (Purpose.DEMO, Purpose.TEST)),
        Check("CDK command line", _cdk),
        Check("estate file", _estate, (Purpose.DEMO, Purpose.DEPLOY)),
        Check("AWS configuration", _aws, _DEPLOY),
    ]


def _environments() -> Iterator[Finding]:
    shared = environments_for([Purpose.DEMO])
    for environment in environments_for([Purpose.TEST]):
        yield Finding(
            f"environment {environment.name}",
            _made(environment),
            environment.is_current,
            (Purpose.DEMO, Purpose.TEST) if environment in shared else (Purpose.TEST,),
            cost=_LATER,
            remedy="bin/hybrid setup" + ("" if environment in shared else " --for test"),
        )


def _made(environment: PythonEnvironment) -> str:
    if environment.is_current:
        return f"made from its lock file, in {environment.directory}"
    there = environment.directory.exists()
    return "half, or made from an earlier lock file" if there else "not made yet"


def _native_decoder() -> Iterator[Finding]:
    made = native_decoder.is_current()
    compiler = "a C compiler is there" if native_decoder.has_compiler() else "no C compiler (cc, gcc, clang)"
    yield Finding(
        "native decoder",
        "made from its sources" if made else f"not made yet, and {compiler}",
        made,
        concerns=(Purpose.DEMO, Purpose.TEST),
        cost="rows are decoded in plain Python, at a tenth of the speed, with equal results",
        remedy="bin/hybrid setup"
        if native_decoder.has_compiler()
        else "install a C compiler (Debian: apt-get install gcc libc6-dev), then bin/hybrid setup",
    )


def _cdk() -> Iterator[Finding]:
    version = packages()["node_modules/aws-cdk"]["version"]
    yield Finding(
        "CDK command line",
        f"{version}, by {node()}" if installed() else f"{version} is not installed yet",
        installed() and node().is_file(),
        cost=_LATER,
        remedy="bin/hybrid setup --for deploy",
    )


def _estate() -> Iterator[Finding]:
    whom = (Purpose.DEMO, Purpose.DEPLOY)
    try:
        estate = load_estate(ESTATE)
    except (EstateError, OSError) as error:
        problems = error.problems if isinstance(error, EstateError) else [error]
        yield Finding(
            "estate file",
            f"{len(problems)} problem{'s' if len(problems) > 1 else ''}, the first: {problems[0]}",
            False,
            whom,
            whom,
            "nothing of it can be deployed, here or in AWS",
            f"bin/hybrid validate {ESTATE.name}",
        )
        return
    yield Finding(
        "estate file",
        f"{ESTATE.name}: {len(estate.sites)} sites, {len(estate.sources)} sources, "
        f"{len(estate.pipelines)} pipelines",
        concerns=whom,
    )


def _aws() -> Iterator[Finding]:
    profile = os.environ.get("AWS_PROFILE") or os.environ.get("AWS_DEFAULT_PROFILE")
    named = f"profile {profile}" if profile else "no profile is named"
    cost = "no command that speaks to the account works: cdk deploy, sites, hosts, sources"
    try:
        session = botocore.session.Session()
        region = session.get_config_variable("region") or _region_of_the_estate()
        # Bounded: where no role of a machine answers, botocore gives up after a second.
        credentials = session.get_credentials()
    except (BotoCoreError, OSError) as error:
        yield Finding(
            "AWS credentials",
            str(error),
            False,
            _DEPLOY,
            _DEPLOY,
            cost,
            "put the files below ~/.aws right, or AWS_PROFILE",
        )
        return
    yield Finding(
        "AWS credentials",
        f"{named}; found by {credentials.method}; AWS was not asked whether they hold"
        if credentials
        else f"{named}; none found",
        credentials is not None,
        _DEPLOY,
        _DEPLOY,
        cost,
        "sign in (`aws sso login`, `aws configure`), or name a profile: AWS_PROFILE",
    )
    yield Finding(
        "AWS Region",
        region or "none",
        bool(region),
        _DEPLOY,
        cost="the CDK deploys to us-east-1 where the estate names none",
        remedy="name it in the estate file (`region`), or in AWS_REGION",
    )


def _region_of_the_estate() -> str | None:
    with suppress(EstateError, OSError):
        return f"{load_estate(ESTATE).environment.region}, of the estate file"
    return None
