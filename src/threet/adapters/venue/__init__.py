"""Hyperliquid through ccxt: the ports MarketData, AccountData and Trading."""

from threet.adapters.venue.account import CcxtAccount
from threet.adapters.venue.market_data import CcxtMarketData
from threet.adapters.venue.nonces import NonceFile, NonceUnreadable, SignerLocked
from threet.adapters.venue.trading import CcxtTrading
from threet.adapters.venue.venue import Venue

__all__ = ["CcxtAccount", "CcxtMarketData", "CcxtTrading", "NonceFile", "NonceUnreadable", "SignerLocked", "Venue"]
