#!/bin/sh
# Joins this machine to a site as an ECS Anywhere host, looks after it, and takes it out again.
#
#     hybrid-host plan                     what would be done, and what this machine lacks
#     hybrid-host join < activation.json   join; the activation comes on standard input, or is asked for
#     hybrid-host join --activation FILE   the same from a file, which is destroyed once the host has joined
#     hybrid-host doctor                   find what is wrong, each finding with its remedy
#     hybrid-host update                   update Docker and the ECS agent of a host that was drained
#     hybrid-host import FILE --sha256 HEX load an image from a file, if it is the file that was saved
#     hybrid-host clean-images             remove images of the container beyond the newest (a timer does it daily)
#     hybrid-host leave                    undo everything but Docker and its images
#
# It can be run again at any time. Exit code 0: success, 1: a failure, 2: yours to put right.
set -eu

@SETTINGS@

# Source: Amazon ECS Developer Guide, "Registering an external instance to an Amazon ECS cluster".
INSTALLER_URL=${INSTALLER_URL:-https://amazon-ecs-agent.s3.amazonaws.com/ecs-anywhere-install-latest.sh}
KEY_URL=${KEY_URL:-https://raw.githubusercontent.com/aws/amazon-ecs-agent/master/scripts/amazon-ecs-agent.gpg}

# Where the kernel says which control groups it has, in their second and their first version.
CONTROLLERS=${CONTROLLERS:-/sys/fs/cgroup/cgroup.controllers}
CONTROL_GROUPS=${CONTROL_GROUPS:-/proc/cgroups}

CONFIG=/etc/ecs/ecs.config
SELF=/usr/local/sbin/hybrid-host
SYSCTL=/etc/sysctl.d/90-hybrid-host.conf
UNIT=/etc/systemd/system/hybrid-task-roles.service
SSM_CONFIG=/etc/amazon/ssm/amazon-ssm-agent.json
IMAGES_UNIT=/etc/systemd/system/hybrid-images
# Images of the container that stay, besides those that a container uses.
KEPT_IMAGES=5
UNITS_WITH_PROXY="ecs docker amazon-ssm-agent snap.amazon-ssm-agent.amazon-ssm-agent"
NOT_THROUGH_PROXY=169.254.169.254,169.254.170.2,localhost,127.0.0.1,/var/run/docker.sock${MIRROR:+,${MIRROR%%[:/]*}}${PRIVATE_HOSTS:+,$PRIVATE_HOSTS}
