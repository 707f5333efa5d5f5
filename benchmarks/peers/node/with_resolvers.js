// All that PostGraphile 5 misses on Node 20; it asks for 22, which has this.
Promise.withResolvers ??= () => {
  let resolve, reject
  const promise = new Promise((...both) => { [resolve, reject] = both })
  return { promise, resolve, reject }
}
