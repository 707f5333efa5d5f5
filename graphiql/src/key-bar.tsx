import { type FormEvent, useEffect, useState } from "react";
import { post } from "./fetcher";

type Verdict = { kind: "none" | "checking" } | { kind: "good" | "bad"; text: string };

const HINT = (
  <>
    <code>make run</code> prints the demo's key; <code>gateway keys create</code> makes others.
  </>
);

/** Asks for the key, and says whose it is or why it is refused. */
export function KeyBar({ value, onUse }: { value: string; onUse: (key: string) => void }) {
  const [entered, setEntered] = useState(value);
  const verdict = useVerdict(value);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    onUse(entered.trim());
  };
  return (
    <header className="key-bar">
      <form onSubmit={submit} autoComplete="off">
        <label htmlFor="key">API key</label>
        <input
          id="key"
          type="password"
          value={entered}
          onChange={(event) => setEntered(event.target.value)}
          onBlur={() => entered.trim() !== value && onUse(entered.trim())}
          placeholder="phx_..."
          autoComplete="off"
          spellCheck={false}
          aria-describedby="key-verdict"
          aria-invalid={verdict.kind === "bad"}
        />
        <button type="submit">Use key</button>
      </form>
      <p id="key-verdict" role="status" className={verdict.kind}>
        {"text" in verdict ? verdict.text : verdict.kind === "checking" ? "Checking the key..." : HINT}
      </p>
    </header>
  );
}

function useVerdict(key: string): Verdict {
  const [verdict, setVerdict] = useState<Verdict>({ kind: "none" });
  useEffect(() => {
    let isCurrent = true;
    setVerdict({ kind: key ? "checking" : "none" });
    if (key) {
      void judge(key).then((found) => {
        if (isCurrent) setVerdict(found);
      });
    }
    return () => {
      isCurrent = false;
    };
  }, [key]);
  return verdict;
}

async function judge(key: string): Promise<Verdict> {
  try {
    const { data, errors } = await post({ query: "query KeyCheck { viewer { scopes } }" }, key);
    const scopes = (data as { viewer: { scopes: string[] } | null } | null | undefined)?.viewer?.scopes;
    if (scopes) return { kind: "good", text: `Key accepted. Scopes: ${scopes.join(", ") || "none"}` };
    return { kind: "bad", text: errors?.[0]?.message ?? "The key was not accepted." };
  } catch {
    return { kind: "bad", text: "The service cannot be reached." };
  }
}
