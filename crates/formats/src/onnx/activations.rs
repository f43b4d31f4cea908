//! Activations as ONNX operators: one where opset 18 has it, else several.

use layerloop::network::Activation;

use super::graph::{Graph, Set};

impl Graph {
    /// sigma(t)
    pub(super) fn activation(&mut self, activation: Activation, t: &str) -> String {
        let float = |name: &'static str, value: f32| (name, Set::Float(value));
        match activation {
            Activation::Identity => t.to_string(),
            Activation::Sigmoid => self.node("Sigmoid", &[t], &[]),
            Activation::Tanh => self.node("Tanh", &[t], &[]),
            Activation::Relu => self.node("Relu", &[t], &[]),
            Activation::HardSigmoid => self.node("HardSigmoid", &[t], &[float("alpha", 1.0 / 6.0), float("beta", 0.5)]),
            Activation::HardTanh => self.clip(t, -1.0, 1.0),
            Activation::Relu6 => self.clip(t, 0.0, 6.0),
            Activation::LeakyRelu { a } => self.node("LeakyRelu", &[t], &[float("alpha", a)]),
            Activation::Elu { a } => self.node("Elu", &[t], &[float("alpha", a)]),
            Activation::Celu { a } => self.node("Celu", &[t], &[float("alpha", a)]),
            Activation::Selu => self.node("Selu", &[t], &[]),
            Activation::HardSwish => self.node("HardSwish", &[t], &[]),
            Activation::Mish => self.node("Mish", &[t], &[]),
            Activation::Softplus => self.node("Softplus", &[t], &[]),
            Activation::Softsign => self.node("Softsign", &[t], &[]),
            Activation::SoftShrink { lambda } => {
                self.node("Shrink", &[t], &[float("lambd", lambda), float("bias", lambda)])
            }
            Activation::HardShrink { lambda } => self.node("Shrink", &[t], &[float("lambd", lambda)]),
            Activation::Trelu { theta } => self.node("ThresholdedRelu", &[t], &[float("alpha", theta)]),
            _ => self.composed(activation, t),
        }
    }

    /// Those without an operator of their own.
    fn composed(&mut self, activation: Activation, t: &str) -> String {
        match activation {
            Activation::Gelu | Activation::GeluTanh => self.gelu(activation, t),
            Activation::Swish if self.opset >= 24 => self.node("Swish", &[t], &[]),
            Activation::Swish => {
                let sigmoid = self.node("Sigmoid", &[t], &[]);
                self.node("Mul", &[t, &sigmoid], &[])
            }
            Activation::LogSigmoid => {
                let minus = self.node("Neg", &[t], &[]);
                let softplus = self.node("Softplus", &[&minus], &[]);
                self.node("Neg", &[&softplus], &[])
            }
            Activation::TanhShrink => {
                let tanh = self.node("Tanh", &[t], &[]);
                self.node("Sub", &[t, &tanh], &[])
            }
            Activation::LogCosh => {
                // |t| - ln 2 + ln(1 + e^{-2|t|})
                let size = self.node("Abs", &[t], &[]);
                let (two, ln_2) = (self.scalar(-2.0), self.scalar(std::f32::consts::LN_2));
                let minus = self.node("Mul", &[&size, &two], &[]);
                let rest = self.node("Softplus", &[&minus], &[]);
                let left = self.node("Sub", &[&rest, &ln_2], &[]);
                self.node("Add", &[&size, &left], &[])
            }
            _ => {
                let tanh = self.node("Tanh", &[t], &[]);
                self.node("Mul", &[t, &tanh], &[])
            }
        }
    }

    fn gelu(&mut self, activation: Activation, t: &str) -> String {
        if self.opset >= 20 {
            let form = if activation == Activation::Gelu { "none" } else { "tanh" };
            let node = self.node("Gelu", &[t], &[]);
            let proto = super::proto::AttributeProto {
                name: Some("approximate".into()),
                s: Some(form.into()),
                r#type: Some(super::proto::attribute::STRING),
                ..Default::default()
            };
            self.nodes.last_mut().expect("a node was added").attribute.push(proto);
            return node;
        }
        let bent = if activation == Activation::Gelu {
            let root = self.scalar(std::f32::consts::SQRT_2);
            let scaled = self.node("Div", &[t, &root], &[]);
            self.node("Erf", &[&scaled], &[])
        } else {
            // tanh(sqrt(2/pi) (t + 0.044715 t^3))
            let (cubic, linear) = (self.scalar(0.044_715), self.scalar(0.797_884_6));
            let square = self.node("Mul", &[t, t], &[]);
            let cube = self.node("Mul", &[&square, t], &[]);
            let bend = self.node("Mul", &[&cube, &cubic], &[]);
            let sum = self.node("Add", &[t, &bend], &[]);
            let scaled = self.node("Mul", &[&sum, &linear], &[]);
            self.node("Tanh", &[&scaled], &[])
        };
        let (one, half) = (self.scalar(1.0), self.scalar(0.5));
        let sum = self.node("Add", &[&bent, &one], &[]);
        let product = self.node("Mul", &[t, &sum], &[]);
        self.node("Mul", &[&product, &half], &[])
    }

    fn clip(&mut self, t: &str, least: f32, most: f32) -> String {
        let (least, most) = (self.scalar(least), self.scalar(most));
        self.node("Clip", &[t, &least, &most], &[])
    }
}
