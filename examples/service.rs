//! A web service that predicts: one [`Predictor`], shared by all requests.
//!
//! ```text
//! cargo run --release -p layerloop-service-test --example service -- model.safetensors 127.0.0.1:8080
//! curl 127.0.0.1:8080/predict --json '[[5.1, 3.5, 1.4, 0.2]]'
//! ```
#![expect(clippy::print_stdout, reason = "an example says where it listens")]

use std::cell::RefCell;
use std::error::Error;
use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use layerloop::model_file::Model;
use layerloop::network::{Predictor, Scratch};
use serde_json::{Value, json};

/// What all requests share.
struct Service {
    model: Model,
    predictor: Predictor,
}

thread_local! {
    /// Each thread of the server has memory of its own for a row: nothing is locked, nothing allocated.
    static SCRATCH: RefCell<Option<Scratch>> = const { RefCell::new(None) };
}

impl Service {
    fn new(model: Model) -> layerloop::Result<Self> {
        let predictor = model.predictor(1)?;
        Ok(Self { model, predictor })
    }

    /// The answer for one row.
    fn answer(&self, row: &[f32]) -> layerloop::Result<Value> {
        SCRATCH.with_borrow_mut(|scratch| {
            let scratch = match scratch {
                Some(scratch) => scratch,
                None => scratch.insert(self.predictor.scratch()?),
            };
            let outputs = self.predictor.row(row, scratch)?;
            let predicted = &self.model.classes[self.model.predicted(outputs)];
            Ok(json!({ "predicted": predicted, "probabilities": outputs }))
        })
    }
}

/// Rows of numbers in, an answer for each out; a row that does not fit is the caller's fault.
async fn predict(
    State(service): State<Arc<Service>>,
    Json(rows): Json<Vec<Vec<f32>>>,
) -> Result<Json<Value>, (StatusCode, String)> {
    let answers = rows.iter().map(|row| service.answer(row)).collect::<layerloop::Result<Vec<_>>>();
    answers.map(|answers| Json(Value::from(answers))).map_err(|error| (StatusCode::BAD_REQUEST, error.to_string()))
}

fn app(service: Service) -> Router {
    Router::new().route("/predict", post(predict)).with_state(Arc::new(service))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let (Some(model), Some(address)) = (args.next(), args.next()) else {
        return Err("two arguments are needed: a model file and an address, such as 127.0.0.1:8080".into());
    };
    let service = Service::new(Model::load(model)?)?;
    let listener = tokio::net::TcpListener::bind(&address).await?;
    println!("listening on http://{}", listener.local_addr()?);
    axum::serve(listener, app(service)).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::{SocketAddr, TcpStream};

    use layerloop::data::Dataset;
    use layerloop::network::Network;

    use super::*;

    fn service() -> Service {
        let data = Dataset::new("demo", vec![0.0; 4].into(), 2, vec![0, 1], ["no", "yes"]).unwrap();
        Service::new(Model::new(Network::new(&"2 -> 5 tanh -> 2".parse().unwrap(), 3).unwrap(), &data, Value::Null))
            .unwrap()
    }

    fn post(address: SocketAddr, body: &str) -> String {
        let mut stream = TcpStream::connect(address).unwrap();
        let length = body.len();
        write!(
            stream,
            "POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn many_requests_at_once_get_what_the_predictor_gives() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, app(service())).await.unwrap() });
        let want = service().answer(&[0.5, -1.0]).unwrap();
        let asked: Vec<_> =
            (0..8).map(|_| tokio::task::spawn_blocking(move || post(address, "[[0.5, -1.0], [0.5, -1.0]]"))).collect();
        for answer in asked {
            let answer = answer.await.unwrap();
            let body: Value = serde_json::from_str(answer.split("\r\n\r\n").nth(1).unwrap()).unwrap();
            assert_eq!(body, json!([want, want]), "{answer}");
        }
        let refused = tokio::task::spawn_blocking(move || post(address, "[[0.5]]")).await.unwrap();
        assert!(
            refused.starts_with("HTTP/1.1 400") && refused.ends_with("inputs of a row: expected 2, got 1"),
            "{refused}"
        );
    }
}
