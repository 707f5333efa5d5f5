import { type KeyboardEvent, type SubmitEvent, useEffect, useId, useRef } from "react";
import type { FolderEdit } from "./use-folder-edit";

interface Props {
  edit: FolderEdit;
  protocol: string;
}

/** Enter saves, Escape cancels. In a conflict there is a choice to make, and Conflict has the buttons. */
export function FolderForm({ edit, protocol }: Props) {
  const id = useId();
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => input.current?.focus(), []);
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    if (!edit.hasConflict) void edit.save();
  };
  const cancelOnEscape = (event: KeyboardEvent) => {
    if (event.key === "Escape") edit.close();
  };
  return (
    <form className="folder-form" onSubmit={submit}>
      <label htmlFor={`${id}-path`}>Path</label>
      <div className="path">
        <code>{protocol}</code>
        <input
          ref={input}
          id={`${id}-path`}
          value={edit.path}
          onChange={(event) => edit.change(event.target.value)}
          onFocus={(event) => event.target.select()}
          onKeyDown={cancelOnEscape}
          maxLength={4096}
          autoComplete="off"
          spellCheck={false}
          aria-invalid={edit.problem !== undefined}
          aria-describedby={`${id}-problem`}
        />
      </div>
      <p id={`${id}-problem`} role="alert" className="problem-text">
        {edit.problem}
      </p>
      {!edit.hasConflict && (
        <div className="buttons">
          <button type="submit" className="primary">
            Save
          </button>
          <button type="button" onClick={edit.close}>
            Cancel
          </button>
        </div>
      )}
    </form>
  );
}
