activation_file=
installed=
work=
room=

# Puts the activation into the file $work/activation: from a file, standard input, or a person.
read_activation() {
    given="$work/activation.json"
    (umask 077 && : >"$given")
    if [ -n "$activation_file" ]; then
        [ -r "$activation_file" ] || stop 2 "$activation_file cannot be read"
        mode=$(stat -c %a "$activation_file")
        case "$mode" in
            400 | 600) ;;
            *) stop 2 "$activation_file has mode $mode: others could read the code; chmod 600 it, and rotate the code" ;;
        esac
        cp "$activation_file" "$given"
    elif [ -t 0 ]; then
        ask_for_activation >"$given"
    else
        cat >"$given"
    fi
    for name in activation_id activation_code; do
        [ -n "$(value_of "$name" "$given")" ] ||
            stop 2 "the activation has no $name; bin/hybrid sites activate makes one as JSON"
    done
    for pair in "region $REGION" "cluster $CLUSTER"; do
        found=$(value_of "${pair% *}" "$given")
        [ -z "$found" ] || [ "$found" = "${pair#* }" ] ||
            stop 2 "the activation is for ${pair% *} $found, and this script for ${pair#* }"
    done
}

ask_for_activation() {
    printf 'Activation id: ' >&2
    read -r id
    printf 'Activation code (not shown): ' >&2
    stty -echo
    read -r code || :
    stty echo
    printf '\n' >&2
    printf '{"activation_id": "%s", "activation_code": "%s"}\n' "$id" "$code"
}

# Signed by a key whose primary key has the fingerprint that AWS documents; where the key itself came
# from does not matter then. Source: Amazon ECS Developer Guide, the installation script's signature.
fetch_installer() {
    fetch "$INSTALLER_URL" "$work/install.sh" || stop 1 "the installer could not be downloaded from $INSTALLER_URL"
    fetch "$INSTALLER_URL.asc" "$work/install.sh.asc" || stop 1 "the installer's signature could not be downloaded"
    fetch "$KEY_URL" "$work/key.gpg" || stop 1 "the key of the signature could not be downloaded from $KEY_URL"
    mkdir -m 700 "$work/keys"
    gpg --batch --quiet --homedir "$work/keys" --import "$work/key.gpg" 2>"$work/gpg.log" ||
        stop 1 "gpg cannot read the key from $KEY_URL"
    gpg --batch --homedir "$work/keys" --status-fd 1 --verify "$work/install.sh.asc" "$work/install.sh" \
        >"$work/status" 2>>"$work/gpg.log" || :
    signer=$(sed -n 's/^\[GNUPG:\] VALIDSIG .* \([0-9A-F]\{40\}\)$/\1/p' "$work/status")
    gpgconf --homedir "$work/keys" --kill all 2>/dev/null || :
    [ "$signer" = "$KEY_FINGERPRINT" ] ||
        stop 1 "the installer is not signed by $KEY_FINGERPRINT${signer:+ but by $signer}: nothing was installed"
    step "the signature of the installer is good"
}

# The code goes to the installer through a file and the shell's own positional parameters: it is in no
# program's arguments but those of `amazon-ssm-agent -register`, for the moment that it runs.
run_installer() {
    set -- --region "$REGION" --cluster "$CLUSTER" --docker-install-source "$(docker_source)"
    if registered; then
        set -- "$@" --skip-registration
        : >"$work/secret"
    else
        (umask 077 && printf '%s\n%s\n' "$(value_of activation_id "$work/activation.json")" \
            "$(value_of activation_code "$work/activation.json")" >"$work/secret")
    fi
    # It unpacks some hundred megabytes where it stands; /run is in memory.
    # shellcheck disable=SC2016 # expanded by the inner shell
    (cd "$room" && through_proxy bash -c '
        installer=$1 secret=$2; shift 2
        if [ -s "$secret" ]; then
            { IFS= read -r id; IFS= read -r code; } <"$secret"
            set -- "$@" --activation-id "$id" --activation-code "$code"
            unset id code
        fi
        rm -f "$secret"
        . "$installer"' hybrid-host "$work/install.sh" "$work/secret" "$@" </dev/null)
}

wait_for_agent() {
    tries=30
    while [ "$tries" -gt 0 ]; do
        agent=$(curl -s -m 5 --noproxy '*' http://localhost:51678/v1/metadata 2>/dev/null) || agent=
        case "$agent" in
            *"\"Cluster\":\"$CLUSTER\""*ContainerInstanceArn*arn:*) return 0 ;;
        esac
        tries=$((tries - 1))
        sleep "${AGENT_PAUSE:-5}"
    done
    return 1
}

# A registration that is here is good for nothing when AWS refuses it, and a code would not be used beside it.
use_registration() {
    case "$(registration_state)" in
        fingerprint | refused)
            stop 2 "this machine is registered as $(node), and AWS refuses that registration: $ANEW"
            ;;
    esac
    step "this machine is registered with Systems Manager as $(node): no code is needed"
    if [ "$(registration_state)" = failing ] || hibernates || ! systemctl is-active -q "$(ssm_unit)"; then
        step "starting the SSM agent anew, which would wait for its next attempt"
        systemctl restart "$(ssm_unit)" || :
    fi
}

join() {
    step "checking this machine"
    preflight
    [ "$failures" -eq 0 ] || stop 2 "$failures check(s) failed: nothing was changed"
    work=$(mktemp -d /run/hybrid-host.XXXXXX)
    room=$(mktemp -d /var/tmp/hybrid-host.XXXXXX)
    trap 'destroy "$work/activation.json"; destroy "$work/secret"; rm -rf "$work" "$room"' EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    if registered; then
        use_registration
    else
        read_activation
    fi
    if ! registered || [ ! -x /usr/libexec/amazon-ecs-init ]; then
        fetch_installer
        installed=yes
    fi
    step "configuring"
    configure
    if [ -n "$installed" ]; then
        step "installing: SSM agent, Docker, ECS agent"
        run_installer || stop 1 "the installer failed; its output is above. Run hybrid-host join again once it is mended"
        write_agent_config
    fi
    if [ "$(instance_state)" = gone ]; then forget_instance; fi
    if [ -z "$installed" ]; then
        if [ "$changed" = yes ] || ! systemctl is-active -q ecs; then systemctl restart ecs; fi
    fi
    step "waiting for the ECS agent"
    wait_for_agent || stop 1 "the ECS agent did not join $CLUSTER; run hybrid-host doctor"
    case "$(instance_state)" in
        gone | nocluster | api | refused) stop 1 "AWS does not take this container instance; run hybrid-host doctor" ;;
    esac
    if [ -n "$activation_file" ]; then destroy "$activation_file"; fi
    step "this machine is a host of $CLUSTER"
}
