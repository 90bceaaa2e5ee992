"""What AWS and machines cost: a small table with its date, region and source."""

from dataclasses import dataclass, fields

from tandem.errors import ValidationError
from tandem.model.figures import check_number


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """Prices in one currency.

    read_request_units_million, write_request_units_million
                            a million units in mode OnDemand
    read_capacity_unit_hour, write_capacity_unit_hour
                            a provisioned unit a second, for an hour
    online_gb_month         a GB (2**30 bytes) in the online store for a month
    offline_gb_month        a GB of history in S3 for a month
    machine_hour            a machine of one's own for an hour
    disk_gb_month           a GB of its disk for a month
    """

    currency: str
    region: str
    date: str
    source: str
    read_request_units_million: float
    write_request_units_million: float
    read_capacity_unit_hour: float
    write_capacity_unit_hour: float
    online_gb_month: float
    offline_gb_month: float
    machine_hour: float
    disk_gb_month: float

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if field.type is str and not isinstance(value, str):
                raise ValidationError(f"{field.name} {value!r:.80} of the prices is not a text")
            if field.type is float:
                check_number(value, f"the price {field.name}")


AWS_US_EAST_1 = Prices(
    currency="USD",
    region="us-east-1",
    date="2026-08-01",
    source="list prices: aws.amazon.com/sagemaker/ai/pricing, s3/pricing, ec2/pricing/on-demand"
    " (m6i.xlarge: 4 vCPU, 16 GB) and ebs/pricing (gp3)",
    read_request_units_million=0.25,
    write_request_units_million=1.25,
    read_capacity_unit_hour=0.00013,
    write_capacity_unit_hour=0.00065,
    online_gb_month=0.45,
    offline_gb_month=0.023,
    machine_hour=0.192,
    disk_gb_month=0.08,
)
"""Prices change: whoever decides by them looks them up, and gives those that hold."""
