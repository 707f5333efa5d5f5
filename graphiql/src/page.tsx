import { DOC_EXPLORER_PLUGIN } from "@graphiql/plugin-doc-explorer";
import { explorerPlugin } from "@graphiql/plugin-explorer";
import { HISTORY_PLUGIN } from "@graphiql/plugin-history";
import { GraphiQL } from "graphiql";
import { useMemo, useState } from "react";
import { fetcherWith } from "./fetcher";
import { storeKey, storedKey } from "./key";
import { KeyBar } from "./key-bar";
import { OPERATIONS } from "./operations";

const PLUGINS = [explorerPlugin(), HISTORY_PLUGIN];

export function Page() {
  const [key, setKey] = useState(storedKey);
  // Another fetcher makes GraphiQL ask for the schema again.
  const { fetcher, stop } = useMemo(() => fetcherWith(key), [key]);
  const use = (entered: string) => {
    storeKey(entered);
    // What is followed with the last key is not for the next one's owner to see.
    if (entered !== key) stop();
    setKey(entered);
  };
  return (
    <>
      <KeyBar value={key} onUse={use} />
      <main>
        {/* The history would keep what is written in an editor of headers; the key is the one header to send. */}
        <GraphiQL
          fetcher={fetcher}
          plugins={PLUGINS}
          visiblePlugin={DOC_EXPLORER_PLUGIN}
          defaultTabs={OPERATIONS}
          isHeadersEditorEnabled={false}
          shouldPersistHeaders={false}
          defaultEditorToolsVisibility="variables"
        >
          <GraphiQL.Logo>Persisted folders</GraphiQL.Logo>
        </GraphiQL>
      </main>
    </>
  );
}
