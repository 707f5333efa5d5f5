"""HTTP. Only this package, `gateway.app` and `gateway.server` import aiohttp. It has no rules of its own."""
