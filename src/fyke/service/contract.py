"""What the OpenAPI document says besides what the routes do: who may, and what every route may answer."""

from typing import Any

from fyke.service.access import rule_for

SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "An API key (`fyke keys add`)."},
    "header": {
        "type": "apiKey",
        "in": "header",
        "name": "X-API-Key",
        "description": "The same in a header of its own.",
    },
}
_PROBLEM = {"$ref": "#/components/schemas/Problem"}


def completed(document: dict[str, Any], keyed: bool, own_hosts: bool) -> dict[str, Any]:
    """The same document with refusals and, where keys are asked for, the security schemes and the scopes' names."""
    for path, methods in document["paths"].items():
        rule = rule_for(path)
        for operation in methods.values():
            said = {"421": "`Host` names another service."} if own_hosts else {}
            if rule is not None:
                said["503"] = "Too much is waiting; `Retry-After` says when to come again."
            if rule is not None and keyed:
                operation["security"] = [{name: []} for name in SCHEMES]
                operation["description"] = f"{operation.get('description', '')}\n\nNeeds the scope `{rule.scope}`."
                said |= {
                    "401": "No API key, or an unknown one.",
                    "403": "The key has not the scope, or another namespace.",
                    "429": "The key's rate is used up; `Retry-After` says when to come again.",
                }
            for status, description in said.items():
                operation["responses"].setdefault(
                    status, {"description": description, "content": {"application/json": {"schema": _PROBLEM}}}
                )
    if keyed:
        document["components"]["securitySchemes"] = SCHEMES
    return document
