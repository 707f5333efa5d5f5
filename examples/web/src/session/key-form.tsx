import { type SubmitEvent, useId } from "react";

interface Props {
  apiKey: string;
  onUse: (apiKey: string) => void;
}

export function KeyForm({ apiKey, onUse }: Props) {
  const inputId = useId();
  const submit = (event: SubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    const entered = new FormData(event.currentTarget).get("key");
    if (typeof entered === "string") onUse(entered.trim());
  };
  return (
    <form className="key-form" onSubmit={submit} autoComplete="off">
      <label htmlFor={inputId}>API key</label>
      {/* A password field, so that nobody reads the key over a shoulder. */}
      <input
        id={inputId}
        name="key"
        type="password"
        defaultValue={apiKey}
        placeholder="phx_…"
        autoComplete="off"
        spellCheck={false}
        required
      />
      <button type="submit">Use key</button>
    </form>
  );
}
