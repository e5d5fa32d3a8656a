#!/bin/bash
# In the installer's place: the same options, the same marks on the machine, and a look at who could see the code.
set -e
REGION= CLUSTER= CODE= ID= SOURCE= SKIP=false
while :; do
    case "$1" in
    --region) REGION=$2; shift 2 ;;
    --cluster) CLUSTER=$2; shift 2 ;;
    --activation-code) CODE=$2; shift 2 ;;
    --activation-id) ID=$2; shift 2 ;;
    --docker-install-source) SOURCE=$2; shift 2 ;;
    --skip-registration) SKIP=true; shift ;;
    *) [ -z "$1" ] && break; echo "invalid option: [$1]"; exit 1 ;;
    esac
done
for process in /proc/[0-9]*; do
    tr '\0' ' ' <"$process/cmdline" >>/machine/arguments 2>/dev/null || :
    tr '\0' '\n' <"$process/environ" >>/machine/environments 2>/dev/null || :
done
printf 'installer proxy=%s region=%s docker=%s\n' "${https_proxy:-none}" "$REGION" "$SOURCE" >>/machine/log
grep -qx "ECS_CLUSTER=$CLUSTER" /etc/ecs/ecs.config || { echo "ecs.config was not there first"; exit 1; }
case "$PWD" in /run/*) echo "no room for the SSM agent's binaries"; exit 1 ;; esac
if grep -q ID=rhel /etc/os-release && [ "$SOURCE" != none ]; then echo "Docker install is not supported on RHEL"; exit 1; fi
$SKIP || amazon-ssm-agent -register -code "$CODE" -id "$ID" -region "$REGION"
if [[ $SOURCE =~ ^(all|docker)$ ]] && grep -qE '^ID=(debian|ubuntu)' /etc/os-release && [ ! -e /usr/bin/docker ]; then
    echo key | sudo apt-key add -
fi
[ ! -f /machine/installer-fails ] || { echo "Installation Failed"; exit 1; }
touch /usr/libexec/amazon-ecs-init
chmod +x /usr/libexec/amazon-ecs-init
echo "ECS_CLUSTER=$CLUSTER" >>/etc/ecs/ecs.config
systemctl start docker
systemctl start amazon-ssm-agent
systemctl start ecs
