AGENT=/usr/libexec/amazon-ecs-init

docker_packages() {
    if has apt-get; then
        for package in docker.io docker-ce docker-ce-cli containerd.io containerd; do
            dpkg-query -W -f '${db:Status-Abbrev} ${Package}\n' "$package" 2>/dev/null | sed -n 's/^ii *//p'
        done
    else
        for package in docker docker-ce docker-ce-cli containerd.io containerd; do
            if rpm -q --quiet "$package" 2>/dev/null; then printf '%s\n' "$package"; fi
        done
    fi
}

# From where it was installed: only packages that are here, and nothing else of the system.
update_docker() {
    # shellcheck disable=SC2046 # several words
    set -- $(docker_packages)
    if [ $# -eq 0 ]; then
        warn "Docker did not come with the package manager" "update it as it was installed"
        left=yes
        return 0
    fi
    if has apt-get; then
        through_proxy apt-get update -q && DEBIAN_FRONTEND=noninteractive through_proxy apt-get install -y -q --only-upgrade "$@"
    elif has dnf; then
        through_proxy dnf upgrade -y -q "$@"
    else
        through_proxy yum update -y -q "$@"
    fi
}

# The installer leaves an agent alone that is there; so it is put aside, and comes back where there is no newer one
# (apt and dnf install the same version no second time) or where something fails.
update_agent() {
    kept="$AGENT.hybrid-kept"
    mv "$AGENT" "$kept"
    status=0
    run_installer || status=1
    if [ -x "$AGENT" ] && [ "$status" -eq 0 ]; then rm -f "$kept"; else mv -f "$kept" "$AGENT"; fi
    write_agent_config
    return "$status"
}

# An agent that is stopped takes no more tasks, so that none begins between the look and the update.
update() {
    if ! registered || [ ! -x "$AGENT" ]; then stop 2 "this machine has not joined: hybrid-host join"; fi
    step "checking this machine"
    check_tools
    check_room
    check_install_ways
    [ "$failures" -eq 0 ] || stop 2 "$failures check(s) failed: nothing was changed"
    work=$(mktemp -d /run/hybrid-host.XXXXXX)
    room=$(mktemp -d /var/tmp/hybrid-host.XXXXXX)
    trap 'rm -rf "$work" "$room"; systemctl start ecs || :' EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    fetch_installer
    systemctl stop ecs
    require_no_tasks "task(s) run here, and nothing was changed: bin/hybrid hosts drain, then hybrid-host update again"
    left=no
    if [ -n "$(docker ps -q 2>/dev/null)" ]; then
        warn "containers of others run, which Docker's update would end: Docker stays as it is" "stop them, then hybrid-host update"
        left=yes
    else
        step "updating Docker"
        update_docker || stop 1 "Docker could not be updated; the output is above"
        systemctl start docker
    fi
    step "updating the ECS agent"
    changed=no
    update_agent || stop 1 "the installer failed, and the agent that was here is back; its output is above"
    systemctl restart ecs
    step "waiting for the ECS agent"
    wait_for_agent || stop 1 "the ECS agent does not answer; run hybrid-host doctor"
    say "updated; the SSM agent is not: it comes with a snap, or from AWS's package (docs/how-to/hosts.md)"
    say "put the host back to work: bin/hybrid hosts undrain"
    [ "$left" = no ] || exit 1
}
