"""Column types that mean the same on SQLite and PostgreSQL."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Annotated

from sqlalchemy import BigInteger, DateTime, Integer, String, Text
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import mapped_column
from sqlalchemy.types import TypeDecorator

NANO = Decimal(10**9)


class NanoUsd(TypeDecorator[Decimal]):
    """Dollars as whole nano-dollars: sums are exact on both databases, where SQLite has only floats for NUMERIC."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> int | None:
        """Dollars to nano-dollars, half to even."""
        del dialect
        return None if value is None else int((Decimal(value) * NANO).to_integral_value(ROUND_HALF_EVEN))

    def process_result_value(self, value: int | Decimal | None, dialect: Dialect) -> Decimal | None:
        """Nano-dollars to dollars; sums arrive as int or Decimal."""
        del dialect
        return None if value is None else Decimal(int(value)) / NANO


class Utc(TypeDecorator[datetime]):
    """Aware UTC on both sides; a naive time is a bug and refused."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Aware to the database's naive UTC."""
        del dialect
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone cannot be stored")
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Back to aware UTC."""
        del dialect
        return None if value is None else value.replace(tzinfo=UTC)


BigId = Annotated[int, mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)]
"""Autoincrementing key; SQLite wants INTEGER for its rowid."""
Count = Annotated[int, mapped_column(BigInteger)]
"""Bytes, lines and tokens pass 2^31."""
Usd = Annotated[Decimal, mapped_column(NanoUsd)]
When = Annotated[datetime, mapped_column(Utc)]
Name = Annotated[str, mapped_column(String(255))]
Hex = Annotated[str, mapped_column(String(64))]
Body = Annotated[str, mapped_column(Text)]
"""ASCII JSON, so that NUL and lone surrogates survive as escapes."""
