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
    if has apt-get && ! has docker; then
        case "$DOCKER_SOURCE" in all | docker) tools="$tools sudo" ;; esac
    fi
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

# 10 GiB hold the agents, Docker and a few images of this project.
check_room() {
    free=$(df -Pk /var/lib | awk 'NR == 2 { print int($4 / 1048576) }')
    if [ "$free" -ge 10 ]; then
        ok "$free GiB free in /var/lib"
    elif [ "$free" -ge 3 ]; then
        warn "$free GiB free in /var/lib" "make it 10 GiB, or images will be removed and pulled again and again"
    else
        bad "$free GiB free in /var/lib" "make room: at least 3 GiB, better 10"
    fi
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

check_docker_service() {
    if has docker && ! docker version >/dev/null 2>&1; then
        bad "Docker is installed and does not answer" "systemctl status docker"
    fi
}
