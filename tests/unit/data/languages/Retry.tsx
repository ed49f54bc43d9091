import React from "react";

export function Retry(props: { limit: number }) {
  return <p>{props.limit}</p>;
}
