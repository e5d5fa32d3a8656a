image_file=
sha256=

# The digest is that of `bin/hybrid image save`, and comes another way than the file: so that what is loaded is what
# was saved, whoever had the file in between.
import_image() {
    if [ -z "$image_file" ] || [ -z "$sha256" ]; then stop 2 "write: hybrid-host import FILE --sha256 HEX"; fi
    [ -r "$image_file" ] || stop 2 "$image_file cannot be read"
    has docker || stop 2 "there is no Docker here: join first"
    wanted=$(printf '%s' "$sha256" | tr 'A-F' 'a-f')
    found=$(sha256sum "$image_file")
    found=${found%% *}
    [ "$found" = "$wanted" ] ||
        stop 2 "$image_file has the SHA-256 $found, and $wanted was said: nothing was loaded; bring the file here again"
    docker load -i "$image_file" || stop 1 "Docker could not load $image_file; its words are above"
}

# Newest first by when they were built. By name and without force: Docker then keeps what a container uses.
clean_images() {
    has docker || return 0
    docker image ls --filter "label=$IMAGE_LABEL" --format '{{.CreatedAt}}|{{.Repository}}:{{.Tag}}' |
        sort -r | awk -F '|' -v kept="$KEPT_IMAGES" '!/<none>/ && ++count > kept { print $2 }' |
        while read -r image; do
            if docker image rm "$image" >/dev/null 2>&1; then say "removed $image"; fi
        done
}
