import { ApolloProvider } from "@apollo/client/react";
import { useState } from "react";
import { makeClient } from "./api/client";
import { Projects } from "./folders/projects";
import { storedKey, storeKey } from "./session/key";
import { KeyForm } from "./session/key-form";

/** A key and what was made for it. Another key gets a client of its own, for a cache holds what its key may see. */
interface Session {
  apiKey: string;
  client: ReturnType<typeof makeClient>;
}

function sessionOf(apiKey: string): Session | undefined {
  return apiKey ? { apiKey, client: makeClient(apiKey) } : undefined;
}

export function App() {
  const [session, setSession] = useState(() => sessionOf(storedKey()));
  const useKey = (apiKey: string) => {
    storeKey(apiKey);
    session?.client.stop();
    setSession(sessionOf(apiKey));
  };
  return (
    <>
      <header className="page-header">
        <h1>Persisted folders</h1>
        <KeyForm apiKey={session?.apiKey ?? ""} onUse={useKey} />
      </header>
      <main>
        {session ? (
          <ApolloProvider client={session.client}>
            <Projects apiKey={session.apiKey} />
          </ApolloProvider>
        ) : (
          <p className="hint">Enter a key to see its user’s folders.</p>
        )}
      </main>
    </>
  );
}
