# How many tasks run here; "unknown" where Docker does not answer.
tasks_here() {
    if ! has docker; then
        printf 0
    elif found=$(docker ps -q --filter label=com.amazonaws.ecs.task-arn 2>/dev/null); then
        printf '%s' "$found" | awk 'END { print NR }'
    else
        printf unknown
    fi
}

# Stops where tasks run, with what there is to do about them, and where nobody can tell.
require_no_tasks() {
    running=$(tasks_here)
    case "$running" in
        0) ;;
        unknown) stop 2 "Docker does not answer, so nobody can tell whether tasks run here: systemctl status docker${2:-}" ;;
        *) stop 2 "$running $1${2:-}" ;;
    esac
}

remove_packages() {
    if has apt-get; then
        DEBIAN_FRONTEND=noninteractive apt-get purge -y -q amazon-ecs-init amazon-ssm-agent
    elif has dnf; then
        dnf remove -y -q amazon-ecs-init amazon-ssm-agent
    elif has yum; then
        yum remove -y -q amazon-ecs-init amazon-ssm-agent
    fi
}

# The SSM agent writes the host's keys into a profile of the file that it names in its own settings: those three
# lines go, and what else is in that file stays.
# Source: aws/amazon-ssm-agent, common/runtimeconfig, agent/managedInstances/sharedCredentials.
forget_credentials() {
    shared=$(value_of ShareFile "$SSM_RUNTIME" 2>/dev/null) || shared=
    [ -n "$shared" ] && [ -f "$shared" ] || return 0
    profile=$(value_of ShareProfile "$SSM_RUNTIME")
    rest="$shared.hybrid-new"
    (umask 077 && awk -v profile="[${profile:-default}]" '
        /^[[:space:]]*\[/ {
            name = $0
            gsub(/[[:space:]]/, "", name)
            ours = (name == profile)
            header = ours ? $0 : ""
            if (ours) next
        }
        ours && /^[[:space:]]*aws_(access_key_id|secret_access_key|session_token)[[:space:]]*=/ { next }
        ours && /^[[:space:]]*$/ { next }
        header != "" { print header; header = "" }
        { print }
    ' "$shared" >"$rest")
    destroy "$shared"
    if grep -q '[^[:space:]]' "$rest"; then mv "$rest" "$shared"; else rm -f "$rest"; fi
    rmdir "$(dirname "$shared")" 2>/dev/null || :
}

# What a kit of the forms cloud-init and systemd put here.
forget_kit_units() {
    for unit in hybrid-join.path hybrid-join.service; do
        systemctl disable -q --now "$unit" 2>/dev/null || :
        rm -f "/etc/systemd/system/$unit"
    done
    destroy /etc/hybrid/activation.json
    rmdir /etc/hybrid 2>/dev/null || :
}

leave() {
    if [ "$force" != yes ]; then
        require_no_tasks "task(s) run here: drain the host first (bin/hybrid hosts drain)" ", or use --force"
    fi
    forget_kit_units
    systemctl disable -q --now hybrid-images.timer 2>/dev/null || :
    rm -f "$IMAGES_UNIT.service" "$IMAGES_UNIT.timer"
    for unit in ecs amazon-ssm-agent snap.amazon-ssm-agent.amazon-ssm-agent hybrid-task-roles; do
        systemctl disable -q --now "$unit" 2>/dev/null || :
    done
    if has docker; then docker rm -f ecs-agent >/dev/null 2>&1 || :; fi
    remove_packages || warn "the packages could not be removed" "remove amazon-ecs-init and amazon-ssm-agent by hand"
    if has snap; then snap remove amazon-ssm-agent >/dev/null 2>&1 || :; fi
    each_rule -D
    if has ip; then ip route del 169.254.170.2/32 dev lo 2>/dev/null || :; fi
    for unit in $UNITS_WITH_PROXY; do
        rm -f "/etc/systemd/system/$unit.service.d/hybrid-proxy.conf"
        rmdir "/etc/systemd/system/$unit.service.d" 2>/dev/null || :
    done
    forget_credentials
    rm -rf /etc/ecs /var/lib/ecs /var/log/ecs /var/cache/ecs /etc/amazon/ssm /var/lib/amazon/ssm /var/log/amazon/ssm
    # Of other programs of Amazon there may be something here.
    rmdir /etc/amazon /var/lib/amazon /var/log/amazon 2>/dev/null || :
    # Session Manager lets its user ssm-user be root without a password.
    rm -f /etc/sudoers.d/ssm-agent-users
    rm -f "$UNIT" "$SYSCTL"
    systemctl daemon-reload
    rm -f "$SELF"
    say "left: Docker, its images, and net.ipv4.conf.all.route_localnet until the next boot"
    if id ssm-user >/dev/null 2>&1; then say "left: the user ssm-user of Session Manager, without rights to be root"; fi
    say "in AWS: bin/hybrid hosts deregister, if it was not done; to join again takes a new activation"
    [ "$warnings" -eq 0 ] || exit 1
}
