"""Four vendors, each small enough to be lived with thousands of times."""

from __future__ import annotations

from tests.simulation.vendors.demandbase import Demandbase
from tests.simulation.vendors.elasticpath import ElasticPath
from tests.simulation.vendors.genesys import Genesys
from tests.simulation.vendors.pingone import PingOne

KINDS = (PingOne, Genesys, Demandbase, ElasticPath)
