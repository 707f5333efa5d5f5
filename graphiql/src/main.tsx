import "graphiql/style.css";
import "@graphiql/plugin-explorer/style.css";
import "./page.css";
import "./workers";
import { createRoot } from "react-dom/client";
import { Page } from "./page";

createRoot(document.getElementById("page")!).render(<Page />);
