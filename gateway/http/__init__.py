"""HTTP: beside `gateway.app` and `gateway.server`, all that imports aiohttp. It translates; the rules are elsewhere."""
