#!/bin/sh
# prune.sh SITE_PACKAGES: takes away what the container never loads. What must stay, test_image.py and the imports at
# the end of the build show.
set -eu
cd "$1"

# Installers.
rm -rf pip pip-* setuptools setuptools-* _distutils_hack distutils-precedence.pth

# Arrow: headers, tests, sources, type stubs; Flight, its own S3 client (ours is botocore), ORC, encryption, Substrait's
# Python side. The wheel carries each library under three names, and programs load the one with the major version.
rm -rf pyarrow/include pyarrow/tests pyarrow/src pyarrow/includes pyarrow/*.pyx pyarrow/*.pxi pyarrow/*.pxd \
    pyarrow/libarrow_flight.* pyarrow/libarrow_python_flight.* pyarrow/_flight.* \
    pyarrow/libarrow_s3.* pyarrow/_s3fs.* pyarrow/_orc.* pyarrow/_dataset_orc.* pyarrow/_substrait.* \
    pyarrow/libarrow_python_parquet_encryption.* pyarrow/_parquet_encryption.* \
    pyarrow/_dataset_parquet_encryption.* pyarrow/_pyarrow_cpp_tests.* \
    pyarrow/*.so.*.*.* pyarrow/libarrow_python.so

# botocore: the models of the services that are called, and of the ways to credentials.
for model in botocore/data/*/; do
    case "$(basename "$model")" in
        s3 | secretsmanager | sts | sso | sso-oidc | signin) ;;
        *) rm -rf "$model" ;;
    esac
done

# Symbols that only a debugger reads. Not of psycopg's libraries: they were altered by patchelf, after which strip may
# break them (https://github.com/NixOS/patchelf/issues/10).
if command -v strip >/dev/null; then
    find pyarrow cryptography hybrid_etl -name '*.so*' -type f -exec strip --strip-unneeded {} +
fi
