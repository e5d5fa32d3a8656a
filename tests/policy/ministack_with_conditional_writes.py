"""The emulator with two condition keys of S3 that it lacks: run by its own Python, in place of `ministack`.

S3 gives every s3:PutObject whether the request creates an object, and its If-None-Match header (S3 User
Guide, "Enforce conditional writes on Amazon S3 buckets"; Service Authorization Reference, Amazon S3). With
both in the context, the emulator's own evaluator decides over the deployed policies.
"""

from __future__ import annotations

from typing import Any

from ministack.app import main
from ministack.core import iam_actions

_known = iam_actions._s3_object_context


def _with_conditional_writes(
    iam_action: str, query_params: dict[str, Any], path: str, headers: dict[str, str]
) -> dict[str, Any]:
    context: dict[str, Any] = _known(iam_action, query_params, path, headers)
    if iam_action == "s3:PutObject":
        # A new upload and its parts are no objects yet; PutObject and CompleteMultipartUpload make one.
        creates = not {"uploads", "partNumber"} & set(query_params)
        context["s3:ObjectCreationOperation"] = str(creates).lower()
        if "if-none-match" in headers:
            context["s3:if-none-match"] = headers["if-none-match"]
    return context


iam_actions._s3_object_context = _with_conditional_writes

if __name__ == "__main__":
    main()
