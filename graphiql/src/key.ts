/** The caller's key: in this tab only, and gone with it. */
const ITEM = "gateway:key";

export function storedKey(): string {
  return sessionStorage.getItem(ITEM) ?? "";
}

export function storeKey(key: string): void {
  if (key) sessionStorage.setItem(ITEM, key);
  else sessionStorage.removeItem(ITEM);
}

/** What a client sends with a key, over HTTP and, named alike, in `connection_init`. */
export function authorization(key: string): Record<string, string> {
  return key ? { Authorization: `Bearer ${key}` } : {};
}
