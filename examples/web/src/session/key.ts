/** The caller's key: kept in this tab only, and gone with it. */
const ITEM = "persisted-folders:key";

export function storedKey(): string {
  return sessionStorage.getItem(ITEM) ?? "";
}

export function storeKey(apiKey: string): void {
  if (apiKey) sessionStorage.setItem(ITEM, apiKey);
  else sessionStorage.removeItem(ITEM);
}
