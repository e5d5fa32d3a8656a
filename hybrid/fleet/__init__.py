"""The fleet: activations of sites, the hosts that joined with them, and the secrets of sources.

from hybrid.fleet import activating, client
aws = client.AwsClient(region="eu-west-1")
options, destination = ActivationOptions(count=4), SiteSecret(aws)
made = activating.activate(aws, estate, site="on-premises", options=options, destination=destination)

Everything here speaks to AWS through `client.AwsClient` and raises `errors.FleetError`, nothing else.
"""
