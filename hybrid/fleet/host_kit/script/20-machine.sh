# A value of /etc/os-release, or "unknown".
os_release() {
    [ -r /etc/os-release ] || { printf unknown; return 0; }
    (
        # shellcheck source=/dev/null
        . /etc/os-release
        case "$1" in
            ID) printf '%s' "${ID:-unknown}" ;;
            VERSION_ID) printf '%s' "${VERSION_ID:-unknown}" ;;
        esac
    )
}

# Operating systems. Source: Amazon ECS Developer Guide, "Supported operating systems and system
# architectures" of external instances, read 2026-11-22.
check_system() {
    id=$(os_release ID) version=$(os_release VERSION_ID)
    case "$id-$version" in
        amzn-2023* | ubuntu-20.04 | ubuntu-22.04 | ubuntu-24.04) ok "operating system $id $version" ;;
        rhel-9*)
            if has docker; then
                ok "operating system $id $version with Docker"
            else
                bad "on $id $version the installer does not install Docker" "install Docker, then run this again"
            fi
            ;;
        *)
            warn "AWS does not list $id $version for external instances" \
                "it may work; Amazon Linux 2023, Ubuntu 20.04 to 24.04 and RHEL 9 are listed"
            ;;
    esac
    case "$(uname -m)" in
        x86_64 | aarch64) ok "architecture $(uname -m)" ;;
        *) bad "architecture $(uname -m) has no agent" "use an x86_64 or arm64 machine" ;;
    esac
    if [ -d /run/systemd/system ]; then
        ok "systemd"
    else
        bad "systemd does not run here" "the agents are systemd services: use a machine that boots with it"
    fi
    check_selinux
}

check_selinux() {
    if has getenforce && [ "$(getenforce)" = Enforcing ]; then
        bad "SELinux is enforcing, and the ECS agent cannot work under it" \
            "set SELINUX=permissive in /etc/selinux/config and reboot (aws/amazon-ecs-agent, issue 1888)"
    else
        ok "SELinux is not enforcing"
    fi
}

# Those of the installer included: it verifies certificates with openssl, and adds Docker's key with sudo.
check_tools() {
    tools="bash curl gpg iptables openssl sysctl tar"
    if has apt-get && docker_comes_from_docker; then tools="$tools sudo"; fi
    for tool in $tools; do
        if has "$tool"; then
            ok "$tool is installed"
        elif [ "$tool" = gpg ]; then
            bad "gpg is missing, so no signature could be verified" "install gnupg with the package manager"
        else
            bad "$tool is missing" "install it with the package manager"
        fi
    done
}

tell_room() {
    free=$(df -Pk "$1" | awk 'NR == 2 { print int($4 / 1048576) }')
    if [ "$free" -ge 10 ]; then
        ok "$free GiB free in $1"
    elif [ "$free" -ge 3 ]; then
        warn "$free GiB free in $1" "make it 10 GiB, or images will be removed and pulled again and again"
    else
        bad "$free GiB free in $1" "make room: at least 3 GiB, better 10"
    fi
}

# 10 GiB hold the agents, Docker and a few images of this project.
check_room() {
    tell_room /var/lib
    check_memory_control
    memory=$(awk '/^MemTotal:/ { print int($2 / 1024) }' /proc/meminfo)
    wanted=$((RESERVED_MEMORY + 512))
    if [ "$memory" -ge "$wanted" ]; then
        ok "$memory MiB of memory, $RESERVED_MEMORY of them kept from tasks"
    else
        bad "$memory MiB of memory" "at least $wanted MiB are needed: $RESERVED_MEMORY are kept from tasks"
    fi
}

# AWS refuses signatures that are more than five minutes off.
check_clock() {
    there=$(fetch_date "https://ssm.$REGION.$DOMAIN/")
    if [ -z "$there" ]; then
        warn "the clock could not be compared with AWS's" "see the way out to ssm.$REGION.$DOMAIN below"
    else
        off=$(($(date -u +%s) - $(date -u -d "$there" +%s)))
        off=${off#-}
        if [ "$off" -gt 240 ]; then
            bad "the clock is $off seconds off" "set it: timedatectl set-ntp true, and let NTP through"
        else
            ok "the clock is right to $off seconds"
        fi
    fi
    if has timedatectl && [ "$(timedatectl show -p NTPSynchronized --value 2>/dev/null)" != yes ]; then
        warn "the clock is not synchronised" "timedatectl set-ntp true; signatures fail when it drifts"
    fi
}

# The SSM agent prefers the role of an EC2 instance to its own registration
# (aws/amazon-ecs-agent, issue 3604).
check_ec2() {
    token=$(curl -s -m 2 --noproxy '*' -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' \
        http://169.254.169.254/latest/api/token 2>/dev/null) || token=
    role=$(curl -s -f -m 2 --noproxy '*' -H "X-aws-ec2-metadata-token: $token" \
        http://169.254.169.254/latest/meta-data/iam/security-credentials/ 2>/dev/null) || role=
    if [ -n "$role" ]; then
        bad "this is an EC2 instance with the role $role" \
            "take the instance profile away: the agents would use it, and not the site's Anywhere role"
    else
        ok "no EC2 instance role"
    fi
}

# Where the installer is told to take Docker from. It adds Docker's own repository with apt-key, which Debian 13,
# Ubuntu 24.10 and later do not have; the distribution is its own second choice.
docker_source() {
    if has docker; then
        # On RHEL the installer takes no other word, though it would leave a Docker that is there alone.
        printf none
    elif [ "$DOCKER_SOURCE" = all ] && lacks_apt_key; then
        printf distro
    else
        printf '%s' "$DOCKER_SOURCE"
    fi
}

lacks_apt_key() {
    case "$(os_release ID)" in *ubuntu* | *debian*) ! has apt-key ;; *) return 1 ;; esac
}

# As the installer decides it: Docker's own repositories, for the distributions that it knows them of.
docker_comes_from_docker() {
    case "$(docker_source)" in all | docker) ;; *) return 1 ;; esac
    case "$(os_release ID)" in *ubuntu* | *debian* | *fedora* | *centos*) return 0 ;; *) return 1 ;; esac
}

check_docker_source() {
    if has docker || ! lacks_apt_key; then return 0; fi
    case "$DOCKER_SOURCE" in
        all) ok "Docker comes from the distribution: apt-key, which Docker's own repository would need, is not here" ;;
        docker)
            bad "the installer adds Docker's repository with apt-key, which $(os_release ID) $(os_release VERSION_ID) does not have" \
                "install Docker, or make the kit with --docker-source distro, then run this again"
            ;;
    esac
}

check_docker_service() {
    has docker || return 0
    if ! docker version >/dev/null 2>&1; then
        bad "Docker is installed and does not answer" "systemctl status docker"
        return 0
    fi
    check_docker_api
    check_docker_room
}

# The agent speaks versions of Docker's API up to 1.44, and Docker drops old ones: with none in common the agent
# ends. Source: aws/amazon-ecs-agent 1.105, agent/dockerclient/versions.go. A newer agent may speak more.
check_docker_api() {
    least=$(docker version --format '{{.Server.MinAPIVersion}}' 2>/dev/null) || least=
    case "$least" in
        1.[0-9]*)
            if [ "${least#1.}" -gt 44 ] 2>/dev/null; then
                warn "Docker takes no API version below $least, and the ECS agent 1.105 speaks none above 1.44" \
                    "an older Docker, or DOCKER_MIN_API_VERSION=1.44 in a drop-in of docker.service, unless your agent is newer"
            else
                ok "Docker's API"
            fi
            ;;
    esac
}

# Images and containers are where Docker keeps them, which may be another disk than /var/lib.
check_docker_room() {
    kept=$(docker info --format '{{.DockerRootDir}}' 2>/dev/null) || kept=
    case "$kept" in
        /var/lib/docker | "") return 0 ;;
    esac
    [ -d "$kept" ] || return 0
    tell_room "$kept"
}

# Docker limits memory by it, and the agent gives no container without a limit.
check_memory_control() {
    on=
    if [ -r "$CONTROLLERS" ]; then
        if grep -qw memory "$CONTROLLERS"; then on=yes; else on=no; fi
    elif [ -r "$CONTROL_GROUPS" ]; then
        on=$(awk '$1 == "memory" { print ($4 == 1 ? "yes" : "no") }' "$CONTROL_GROUPS")
    fi
    case "$on" in
        yes) ok "the kernel's memory control group is on" ;;
        no)
            bad "the kernel's memory control group is off: no container with a memory limit starts" \
                "boot with cgroup_enable=memory (on a Raspberry Pi also cgroup_memory=1)"
            ;;
    esac
}
