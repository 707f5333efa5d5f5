import { errorText } from "./error-text";

interface Props {
  error: unknown;
  onRetry: () => void;
}

export function Problem({ error, onRetry }: Props) {
  return (
    <div role="alert" className="problem">
      <p>{errorText(error)}</p>
      <button type="button" onClick={onRetry}>
        Try again
      </button>
    </div>
  );
}
