"""All rivals, in the order of the table."""

from tests.bench.rivals.beanstalkd import Beanstalkd
from tests.bench.rivals.bluesky import Bluesky
from tests.bench.rivals.dynamodb import DynamoDB
from tests.bench.rivals.fastapi_postgresql import FastPostgreSQL
from tests.bench.rivals.fastapi_sqlite import FastSQLite
from tests.bench.rivals.floor import Floor
from tests.bench.rivals.huey_sqlite import Huey

RIVALS = (Floor, Bluesky, FastPostgreSQL, FastSQLite, DynamoDB, Huey, Beanstalkd)
