"""Reads the directory audits of a simulated tenant with Microsoft's own msgraph-sdk for Python, page by
page as its documentation shows it. Prints one JSON line: records, seconds, digest of the sorted ids.

Usage: python3 read_with_sdk.py ADDRESS CLIENT_ID FOLDER_OF_THE_SDK   (the secret stands in APP_SECRET)
Started by `cargo bench --bench collect -- sdk`; `benches/compare-sdk` installs the SDK.
"""

import asyncio
import hashlib
import json
import os
import sys
import time
import urllib.parse
import urllib.request

address, client, folder = sys.argv[1:4]
sys.path.insert(0, folder)

from kiota_abstractions.authentication import AuthenticationProvider  # noqa: E402
from kiota_abstractions.base_request_configuration import RequestConfiguration  # noqa: E402
from msgraph import GraphRequestAdapter, GraphServiceClient  # noqa: E402
from msgraph.generated.audit_logs.directory_audits.directory_audits_request_builder import (  # noqa: E402
    DirectoryAuditsRequestBuilder,
)


def token() -> str:
    form = urllib.parse.urlencode(
        {
            "grant_type": "client_credentials",
            "client_id": client,
            "client_secret": os.environ["APP_SECRET"],
            "scope": f"{address}/.default",
        }
    ).encode()
    with urllib.request.urlopen(f"{address}/contoso.com/oauth2/v2.0/token", form) as answer:
        return json.load(answer)["access_token"]


class Bearer(AuthenticationProvider):
    """The SDK's own provider refuses plain HTTP, which the simulated tenant speaks."""

    def __init__(self, text: str):
        self.text = text

    async def authenticate_request(self, request, additional_authentication_context={}):
        request.headers.add("Authorization", f"Bearer {self.text}")


async def main():
    adapter = GraphRequestAdapter(Bearer(token()))
    adapter.base_url = f"{address}/v1.0"
    audits = GraphServiceClient(request_adapter=adapter).audit_logs.directory_audits
    parameters = DirectoryAuditsRequestBuilder.DirectoryAuditsRequestBuilderGetQueryParameters(
        top=1000, orderby=["activityDateTime"]
    )
    begin = time.perf_counter()
    ids = []
    page = await audits.get(request_configuration=RequestConfiguration(query_parameters=parameters))
    while page:
        ids.extend(audit.id for audit in page.value)
        page = await audits.with_url(page.odata_next_link).get() if page.odata_next_link else None
    seconds = time.perf_counter() - begin
    digest = hashlib.sha256("\n".join(sorted(ids)).encode()).hexdigest()
    print(json.dumps({"records": len(ids), "seconds": seconds, "ids": digest}))


asyncio.run(main())
