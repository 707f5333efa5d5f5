"""HTTP: the only room that imports aiohttp. It translates; the rules are elsewhere."""
